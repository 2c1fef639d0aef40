//! Hooks: how the project's own programs get into a plan.

use std::path::PathBuf;

use crate::cmd::{Cmd, Value};
use crate::config::hooks::Hook;
use crate::config::{At, Database, SecretName};
use crate::place::Place;
use crate::plan::{self, Act, Deed, How, Part, Plan, Scope, Step};
use crate::problem::shorten;

/// The hooks of a task, with what they need to run.
#[derive(Debug, Clone, Default)]
pub struct Hooks {
    /// The task (`reset`).
    pub task: String,
    /// The names of the databases that it is about.
    pub databases: Vec<String>,
    /// The project's environment (`staging`).
    pub environment: String,
    /// The project's folder, where hooks on this machine run.
    pub root: PathBuf,
    /// Variables for the project's own programs that we only hand on, also into containers.
    pub handed_on: Vec<(&'static str, String)>,
    /// The project's own first, then those of the databases.
    pub all: Vec<Ready>,
}

/// A hook, and where and with what it runs.
#[derive(Debug, Clone)]
pub struct Ready {
    /// The hook.
    pub hook: Hook,
    /// Where it runs.
    pub place: Place,
    /// How it reaches the database, if that is known.
    pub address: Option<Address>,
    /// The container of its database, if that publishes no port and can't be reached.
    pub unreached: Option<String>,
    /// A warning, if it can't be checked beforehand that it works on the same database.
    pub unproved: Option<String>,
    /// How it is found in its container to terminate it there; `None` if there is no shell to do
    /// that.
    pub mark: Option<String>,
}

impl Ready {
    /// The container in which it can't be terminated.
    pub fn endless_in(&self) -> Option<&str> {
        match (&self.place, &self.mark) {
            (Place::Container { name, .. }, None) => Some(name),
            _ => None,
        }
    }
}

/// How one of the project's own programs reaches a database.
#[derive(Debug, Clone)]
pub struct Address {
    /// DATABASE_URL.
    pub url: SecretName,
    /// libpq's variables, for those who use psql.
    pub env: Vec<(String, Value)>,
}

/// The situation when a hook runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing is done yet, or it is being done.
    Pending,
    /// Everything is done.
    Done,
    /// It failed, or was interrupted.
    Failed,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

impl Hooks {
    /// The acts of the hooks with one name (`migrate`), in their order.
    pub fn acts(&self, moment: &str, backup: Option<&PathBuf>, outcome: Outcome) -> Vec<Act> {
        self.all
            .iter()
            .filter(|r| r.hook.moment == moment)
            .map(|r| self.act(r, backup, outcome))
            .collect()
    }

    fn act(&self, ready: &Ready, backup: Option<&PathBuf>, outcome: Outcome) -> Act {
        let mut cmd = Cmd::from(&ready.hook.run);
        cmd = cmd.env("DBTASKS_TASK", &self.task).env("DBTASKS_DATABASE", self.databases.join(","));
        cmd = cmd.env("DBTASKS_ENVIRONMENT", &self.environment);
        if let Some(path) = backup {
            cmd = cmd.env("DBTASKS_BACKUP", path.to_string_lossy());
        }

        cmd = cmd.env("DBTASKS_OUTCOME", outcome.word());
        cmd = self.handed_on.iter().fold(cmd, |cmd, (name, value)| cmd.env(*name, value));
        match &ready.address {
            Some(address) => {
                cmd = cmd.secret("DATABASE_URL", address.url.clone());
                cmd.env.extend(address.env.iter().cloned());
            }
            // the one from the shell, or one that a program finds in `.env`, may be of any database
            None if ready.hook.container.is_none() && !self.databases.is_empty() => {
                cmd = cmd.env("DATABASE_URL", "")
            }
            None => {}
        }

        let end = ready.mark.as_ref().map(|mark| ready.place.end(mark));
        let mut cmd = match &ready.mark {
            Some(mark) => ready.place.wrap_marked(cmd, mark),
            None => ready.place.wrap(cmd),
        };
        if let Place::Host { .. } = ready.place {
            cmd = cmd.dir(&self.root);
        }

        let shown = shorten(&ready.hook.run.to_string(), 60);
        let hook = plan::Hook { shown, cmd, timeout: ready.hook.timeout, end };

        Act::Write(Deed {
            what: format!("the {} hook", ready.hook.moment),
            how: How::Hook(Box::new(hook)),
        })
    }

    /// Warnings about the hooks with one name.
    pub fn notes(&self, moment: &str) -> Vec<String> {
        let meant = self.all.iter().filter(|r| r.hook.moment == moment);
        meant
            .flat_map(|ready| {
                let unreached = ready.unreached.as_ref().map(|container| {
                    format!(
                        "the hook `{moment}` gets an empty DATABASE_URL: the container {container} \
                         publishes no port, so it can't be reached from this machine; publish the \
                         port, give the hook a `url`, or run it in a container"
                    )
                });

                let endless = ready.endless_in().map(|container| {
                    format!(
                        "the hook `{moment}` can't be terminated in the container {container}, \
                         which has no `sh`: after a timeout or a signal it keeps running there"
                    )
                });
                unreached.into_iter().chain(ready.unproved.clone()).chain(endless)
            })
            .collect()
    }

    /// The plan with its task's hooks around it: `before-` is part of the work, `failed-` and
    /// `finally-` follow. If `after-` fails, the work is still done.
    pub fn around(&self, plan: Plan) -> Plan {
        let backup = plan.backup.as_ref();
        let of = |word: &str, outcome| self.acts(&format!("{word}-{}", self.task), backup, outcome);
        // the inner scope ends before the outer
        let reversed =
            |word: &str, outcome| of(word, outcome).into_iter().rev().collect::<Vec<_>>();
        let (before, after) = (of("before", Outcome::Pending), reversed("after", Outcome::Done));
        let on_failure = reversed("failed", Outcome::Failed)
            .into_iter()
            .chain(reversed("finally", Outcome::Failed))
            .collect::<Vec<_>>();

        let finally = reversed("finally", Outcome::Done);

        if before.is_empty() && after.is_empty() && on_failure.is_empty() {
            return plan;
        }

        let notes = ["before", "after", "failed", "finally"]
            .iter()
            .flat_map(|word| self.notes(&format!("{word}-{}", self.task)));
        let notes = plan.notes.into_iter().chain(notes).collect();
        let acts = |acts: Vec<Act>| acts.into_iter().map(Step::Act);
        let body = acts(before).chain(plan.steps).collect();
        let mut steps = vec![Step::Scope(Scope { body, on_failure, ..Scope::default() })];

        if !(after.is_empty() && finally.is_empty()) {
            // a separate scope: neither a signal nor another hook prevents a `finally-` hook from
            // running
            steps.push(Step::Scope(Scope {
                body: acts(after).collect(),
                finally,
                part: Part::Sequel,
                ..Scope::default()
            }));
        }

        Plan { notes, steps, ..plan }
    }
}

/// Whether the project has a hook with this name.
pub fn has(project: &[Hook], database: &Database, moment: &str) -> bool {
    of(project, database, moment).next().is_some()
}

/// The hooks with one name for one database: its own `migrate` and `seed` replace the project's.
pub fn of<'a>(
    project: &'a [Hook],
    database: &'a Database,
    moment: &str,
) -> impl Iterator<Item = &'a Hook> {
    let moment = moment.to_owned();
    let own = database.hooks.iter().any(|h| h.moment == moment);
    let one = !moment.contains('-');
    let theirs = project.iter().filter(move |_| !(own && one));
    theirs.chain(&database.hooks).filter(move |h| h.moment == moment)
}

/// Whether the client programs of a database run in a container.
pub fn is_in_container(database: &Database) -> bool {
    matches!(database.at, At::Container(_))
}
