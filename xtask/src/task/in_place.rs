//! `db-restore --in-place`: for a role that may not create databases, or a disk without room for a second copy. One transaction empties
//! the live database and loads it; a backup that has proved good comes first, for there is no old database to swap back.

use anyhow::Result;

use super::restore::{end_sessions, headline, notes, swappable};
use super::services::around_services;
use crate::engine::postgres::admin::{self, Identity};
use crate::facts::dumps::Dump;
use crate::facts::{ContainerFacts, Surveyed};
use crate::plan::{Act, Pipe, Plan, Risk, Safety, Scope, Sink, Stake, Step};
use crate::problem::Problem;

/// Plans it; `pipe` loads the dump as a staged restore does, and `safety` is the backup that comes first.
pub fn plan(target: &Surveyed, dump: &Dump, services: &[ContainerFacts], risk: Risk, pipe: Pipe, safety: Plan) -> Result<Plan> {
    let name = target.name();
    let Some(live) = target.live() else {
        return Err(Problem::refused(format!("there is no database `{name}` to restore in place"))
            .cure("create it, or leave `--in-place` out where the role may create databases")
            .into());
    };
    swappable(target)?;
    let identity = Identity { name, oid: Some(live.oid) };
    let pipe = Pipe { to: emptied_first(pipe.to, &identity), ..pipe };
    let body = vec![Step::Act(admin::end_others(&target.client, name)), Step::Act(Act::Pipe(Box::new(pipe)))];
    let loaded = Step::Scope(Scope { body, on_failure: vec![end_sessions(target)], finally: Vec::new() });
    let mut steps = safety.steps;
    steps.push(around_services(services, vec![loaded]));
    let made = safety.result.first().and_then(|path| path.file_name()).unwrap_or_default().to_string_lossy().into_owned();
    Ok(Plan {
        notes: notes(target, dump),
        steps,
        afterwards: vec![format!("what was there is in the backup: db-restore {made}")],
        backup: Some(dump.backup.path.clone()),
        ..Plan::bare("db-restore", format!("{}, in place", headline(dump, name, target)), in_backup(risk))
    })
}

/// The old data is in a backup, and nowhere else.
fn in_backup(risk: Risk) -> Risk {
    match risk {
        Risk::ReplacesData { stakes, answer, pin } => {
            let stakes = stakes.into_iter().map(|stake| Stake { safety: Safety::BackedUp, ..stake }).collect();
            Risk::ReplacesData { stakes, answer, pin }
        }
        other => other,
    }
}

/// The same transaction that loads it empties it: psql counts lines for its messages, so this is one line.
fn emptied_first(to: Sink, identity: &Identity<'_>) -> Sink {
    match to {
        Sink::Psql { cmd, after, .. } => {
            let before = format!("SET lock_timeout = '15s'; BEGIN; {} {}", identity.assertion(), admin::EMPTY);
            let before = format!("{}\n", before.replace('\n', " "));
            Sink::Psql { cmd, before, after }
        }
        other => other,
    }
}
