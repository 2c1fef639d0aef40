//! The commands that are one hook.

pub mod plan;

use std::path::Path;

use anyhow::Result;

use self::plan::{Before, First};
use crate::bundle::Reason;
use crate::cmd::quoted;
use crate::command::backup::safety::safety_backup;
use crate::gate::Consent;
use crate::problem::{Exit, Problem};
use crate::session::servers::Wants;
use crate::session::{Intent, Session, alone, survey};
use crate::tasks;

/// A task that is one hook.
pub struct Hooked<'a> {
    /// The command.
    pub task: &'static str,
    /// The database, where one is named.
    pub database: Option<&'a str>,
    /// What comes first.
    pub first: First,
}

/// Does it.
pub fn run_hook(session: &mut Session, wanted: &Hooked<'_>, intent: Intent) -> Result<Exit> {
    let database = session.database(wanted.database)?;
    session.lock(wanted.task, intent)?;

    session.with_servers(std::slice::from_ref(&database), Wants::Made, intent, |session| {
        let target = survey(session, std::slice::from_ref(&database))?.remove(0);
        let moment = tasks::word(wanted.task).to_owned();
        let hooks = session.hooks(&moment, std::slice::from_ref(&moment), &[&target], None)?;
        let backs_up = wanted.first.backs_up(&target);
        let backup =
            backs_up.then(|| safety_backup(session, &target, Reason::PreMigrate)).transpose()?;

        let plan = plan::plan(
            &target,
            wanted.task,
            &hooks,
            Before { first: wanted.first, backup },
            session.project.guards.pins_of(&moment),
        )?;

        let plan = alone::with(session.hooked(plan, &[&target])?, [&target]);
        let made = plan.backup.clone();
        let done = session
            .carry_out(plan, Consent::Yes, intent)
            .map_err(|e| with_backup(e, wanted.task, made.as_deref()))?;
        if done.is_some() { session.print(target.name()) } else { Ok(Exit::Done) }
    })
}

/// A failed hook may have done half of its work: the backup made before it is the way back. If that
/// backup failed, the hook did not run.
fn with_backup(error: anyhow::Error, task: &str, made: Option<&Path>) -> anyhow::Error {
    let (Some(path), Some(file)) = (made, made.and_then(Path::file_name)) else { return error };
    let way = match (path.exists(), task) {
        (true, _) => format!(
            "what was there before is in the backup: `db-restore {}`",
            quoted(&file.to_string_lossy())
        ),
        (false, task) if task == tasks::MIGRATE.name => {
            "without a backup, so that it can't be undone: `db-migrate --no-backup`".into()
        }
        (false, _) => return error,
    };

    match error.downcast::<Problem>() {
        Ok(problem) => problem.also(way).into(),
        Err(error) => error,
    }
}
