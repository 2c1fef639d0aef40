//! A database is worked on by one run at a time, whichever clone it is of: the project's own lock is in its own folder.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::session::Session;
use crate::door::held::{Held, hold};
use crate::engine::postgres::alone::{Holder, Taken, alone, in_the_name_of, read};
use crate::facts::Surveyed;
use crate::plan::{Alone, Plan};
use crate::problem::{Exit, Problem};
use crate::run;

/// How long a lock may outlive its run: the session of one that was killed ends when its psql sees the end of its input.
const LINGERS: Duration = Duration::from_secs(2);
/// How long it waits between two tries.
const PAUSE: Duration = Duration::from_millis(200);

/// A plan that has these databases for itself.
pub fn with<'a>(plan: Plan, concerned: impl IntoIterator<Item = &'a Surveyed>) -> Plan {
    let alone = concerned.into_iter().map(|one| alone(&one.client, one.name(), one.at())).collect();
    Plan { alone, ..plan }
}

/// A plan that has a database of another name for itself, on the server of this one.
pub fn with_other(plan: Plan, beside: &Surveyed, name: &str) -> Plan {
    Plan { alone: vec![alone(&beside.client, name, beside.at())], ..plan }
}

impl Session {
    /// Takes what a plan wants for itself; it is let go when this is dropped.
    ///
    /// # Errors
    /// Another run works on one of them.
    pub(super) fn hold(&mut self, plan: &Plan) -> Result<Vec<Held>> {
        let who = format!("{} {}", plan.task, run::who_and_where());
        let mut held = Vec::new();
        for alone in &plan.alone {
            held.extend(self.hold_one(alone, &who)?);
        }
        Ok(held)
    }

    /// None where the server does not let us have a lock: what can't be asked is no reason not to work.
    fn hold_one(&mut self, alone: &Alone, who: &str) -> Result<Option<Held>> {
        let lock = in_the_name_of(alone, &self.moment.run, who);
        let begun = Instant::now();
        loop {
            let why = match hold(&lock, &self.project.secrets)? {
                Err(said) => said,
                Ok((held, line)) => match read(&line) {
                    Taken::Ours => return Ok(Some(held)),
                    // a clean-up of two runs wants it twice
                    Taken::Others(Some(holder)) if holder.is_of(&self.moment.run) => return Ok(None),
                    Taken::Others(_) if begun.elapsed() < LINGERS && !self.interrupted() => {
                        std::thread::sleep(PAUSE);
                        continue;
                    }
                    Taken::Others(holder) => return Err(is_taken(alone, holder.as_ref()).into()),
                    Taken::Unclear(said) => said,
                },
            };
            let first = why.lines().next().unwrap_or_default();
            self.terminal.say(&format!(
                "note: whether another run works on `{}` can't be told: there is no lock to be had on its server ({first})",
                alone.database
            ));
            return Ok(None);
        }
    }
}

fn is_taken(alone: &Alone, holder: Option<&Holder>) -> Problem {
    let who = holder.map_or("who it is has gone by now".into(), |holder| format!("it is {holder}"));
    Problem::new(Exit::Locked, format!("another run is at work on the database `{}` ({})", alone.database, alone.at))
        .because(who)
        .because("nothing was changed")
        .cure("wait until it is done; its lock ends with its session on the server")
}
