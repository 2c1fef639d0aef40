//! Only one run at a time works on a database, also across clones: the project's own lock is only
//! in its folder.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::Session;
use crate::door::held::{Held, hold};
use crate::engine::postgres::change::alone::{Holder, Taken, alone, in_the_name_of, read};
use crate::facts::Surveyed;
use crate::plan::{Alone, Plan, Was};
use crate::problem::{Exit, Problem};
use crate::run;

/// How long a lock may outlive its run: after a kill the session ends when its psql sees the end of
/// its input.
const LINGERS: Duration = Duration::from_secs(2);

/// How long it waits between two tries.
const PAUSE: Duration = Duration::from_millis(200);

/// A plan that locks these databases.
pub fn with<'a>(plan: Plan, concerned: impl IntoIterator<Item = &'a Surveyed>) -> Plan {
    let was = |one: &Surveyed| Was::Found(one.live().map(|live| live.oid));
    let alone = concerned
        .into_iter()
        .map(|one| alone(&one.client, one.name(), was(one), one.at()))
        .collect();
    Plan { alone, ..plan }
}

/// A plan that locks a database of another name, on the server of this one.
pub fn with_other(plan: Plan, beside: &Surveyed, name: &str) -> Plan {
    let was = beside.server.database(name).map(|there| there.oid);
    Plan { alone: vec![alone(&beside.client, name, Was::Found(was), beside.at())], ..plan }
}

impl Session {
    /// Takes the locks that a plan needs; dropping this releases them.
    ///
    /// # Errors
    /// Another run works on one of them.
    pub fn hold(&mut self, plan: &Plan) -> Result<Vec<Held>> {
        let who = format!("{} {}", plan.task, run::who_and_where());
        let mut held = Vec::new();
        for alone in &plan.alone {
            held.extend(self.hold_one(alone, &who)?);
        }
        Ok(held)
    }

    /// None if the server does not let us have a lock: that is no reason not to work.
    fn hold_one(&mut self, alone: &Alone, who: &str) -> Result<Option<Held>> {
        let lock = in_the_name_of(alone, &self.moment.run, who);
        let (begun, mut met) = (Instant::now(), None);

        loop {
            let why = match hold(&lock, &self.project.secrets)? {
                Err(said) => said,
                Ok((held, line)) => match read(&line) {
                    Taken::Ours(now) => {
                        let changed = changed(alone.was, now)
                            .map(|how| has_changed(alone, how, met.as_ref()));
                        return changed.map_or(Ok(Some(held)), |problem| Err(problem.into()));
                    }
                    // a clean-up of two runs may want it twice
                    Taken::Others(Some(holder)) if holder.is_of(&self.moment.run) => {
                        return Ok(None);
                    }
                    Taken::Others(holder) if begun.elapsed() < LINGERS && !self.interrupted() => {
                        met = holder.or(met);
                        std::thread::sleep(PAUSE);
                        continue;
                    }
                    Taken::Others(holder) => return Err(is_taken(alone, holder.as_ref()).into()),
                    Taken::Unclear(said) => said,
                },
            };

            let first = why.lines().next().unwrap_or_default();
            self.person.say(&format!(
                "note: can't check whether another run is using `{}`: its server gave no lock \
                 ({first})",
                alone.database
            ));

            return Ok(None);
        }
    }
}

/// What happened to a database since a plan was made for it.
fn changed(planned: Was, now: Was) -> Option<&'static str> {
    match (planned, now) {
        (Was::Found(None), Was::Found(Some(_))) => Some("made"),
        (Was::Found(Some(_)), Was::Found(None)) => Some("removed"),
        (Was::Found(planned), Was::Found(now)) if planned != now => Some("replaced"),
        _ => None,
    }
}

/// The other run finished before this one got the lock, so the database is no longer the one this
/// run looked at.
fn has_changed(alone: &Alone, how: &str, by: Option<&Holder>) -> Problem {
    let who =
        by.map_or("it is no longer known by whom".into(), |holder| format!("it was {holder}"));
    let what = format!(
        "the database `{}` ({}) was {how} after this run looked at it",
        alone.database, alone.at
    );

    Problem::new(Exit::Locked, what)
        .because(who)
        .because("nothing was changed")
        .cure("run the command again, and look at the new plan")
}

fn is_taken(alone: &Alone, holder: Option<&Holder>) -> Problem {
    let who = holder.map_or("it has finished by now".into(), |holder| format!("it is {holder}"));
    Problem::new(
        Exit::Locked,
        format!("another run is using the database `{}` ({})", alone.database, alone.at),
    )
    .because(who)
    .because("nothing was changed")
    .cure("wait until it is done; its lock is released when its session on the server ends")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::Cmd;

    #[test]
    fn a_plan_for_another_database_is_told_from_one_for_this() {
        let found = |oid| Was::Found(oid);
        for (planned, now, how) in [
            (found(Some(1)), found(Some(1)), None),
            (found(None), found(None), None),
            (found(Some(1)), found(Some(2)), Some("replaced")),
            (found(Some(1)), found(None), Some("removed")),
            (found(None), found(Some(2)), Some("made")),
            // a clean-up has looked at nothing, and a stand-in answers nothing
            (Was::Unknown, found(Some(2)), None),
            (found(Some(1)), Was::Unknown, None),
        ] {
            assert_eq!(changed(planned, now), how, "{planned:?} {now:?}");
        }
    }

    #[test]
    fn whoever_comes_late_reads_who_was_first() {
        let alone = Alone {
            database: "shop".into(),
            at: "localhost".into(),
            lock: Cmd::new("psql"),
            was: Was::Found(Some(1)),
        };

        let line = r#"{"app": "db-tasks at work/65920080abcd db-restore ada@laptop", "pid": 42, "role": "app"}"#;
        let Taken::Others(holder) = read(line) else { panic!("{line}") };

        assert_eq!(
            has_changed(&alone, "replaced", holder.as_ref()).to_string(),
            "the database `shop` (localhost) was replaced after this run looked at it\n  it \
             was db-restore ada@laptop, since 2024-01-01 00:00:00 UTC (process 42 of the server, \
             role `app`)\n  nothing was changed\n  next: run the command again, and look at the \
             new plan"
        );

        let unknown = has_changed(&alone, "made", None);
        assert_eq!(
            (unknown.exit, unknown.happened[0].as_str()),
            (Exit::Locked, "it is no longer known by whom")
        );
    }
}
