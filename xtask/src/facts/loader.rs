//! Whether a loader role can load an untrusted file on this server, and what prevents it.

use std::io::Read;

use anyhow::Result;

use super::Surveyed;
use super::asking::ask_server;
use super::dumps::Dump;
use crate::cmd::Cmd;
use crate::config::Secrets;
use crate::door::ask::{ask, ask_fed};
use crate::engine::postgres::catalog::admission::{QUESTION, Rights};
use crate::engine::postgres::catalog::locks::Locks;
use crate::engine::postgres::change::loader::{Loader, verifier};
use crate::engine::postgres::client::archive::BEFORE_ROWS;
use crate::engine::postgres::client::said::unnamed;
use crate::engine::postgres::script::{Obstacle, Scanner, Script};
use crate::plan::Source;
use crate::problem::Problem;
use crate::stream::artifact;

/// What identifies a loader role.
pub struct New {
    /// Its name.
    pub role: String,
    /// Its password.
    pub password: String,
    /// Of the password.
    pub salt: [u8; 16],
}

/// The definitions of a dump come before its data. We look at this much of them.
const DEFINITIONS: u64 = 256 << 20;

/// Finds a role to load a dump with.
pub fn look(
    target: &Surveyed,
    dump: &Dump,
    new: New,
    secrets: &mut Secrets,
) -> Result<Result<Loader, String>> {
    let rights = rights(target, secrets)?;
    if !rights.superuser && !rights.createrole {
        let role = &target.server.role.name;
        return Ok(Err(format!("the role `{role}` can't create one (`ALTER ROLE … CREATEROLE`)")));
    }

    if rights.admits == Some(false) {
        return Ok(Err(
            "pg_hba.conf does not allow password logins for a new role from here".into()
        ));
    }

    within(target.server.locks, dump, new, secrets)
}

/// The same on a server where one can be created, and with this much room for locks.
pub fn within(
    locks: Locks,
    dump: &Dump,
    new: New,
    secrets: &mut Secrets,
) -> Result<Result<Loader, String>> {
    let Script { definitions, obstacle, statements, .. } = definitions(&dump.source, secrets)?;
    if let Some(Obstacle { line, what }) = obstacle {
        return Ok(Err(format!("the file needs a superuser: {what} (line {line})")));
    }

    if locks.room().is_some_and(|room| statements > room) {
        return Ok(Err(format!(
            "such a role loads in one transaction, and the server's lock table is too small for \
             {statements} definitions: raise `max_locks_per_transaction`"
        )));
    }

    let verifier = verifier(&new.password, &new.salt);
    let password = secrets.keep("the loader's password", new.password);

    Ok(Ok(Loader { role: new.role, password, verifier, definitions }))
}

fn rights(target: &Surveyed, secrets: &Secrets) -> Result<Rights> {
    let client = &target.client;
    let answer = ask_server(&client.psql(client.maintenance(), QUESTION), secrets)?;
    let said = answer.good.then(|| serde_json::from_str(answer.out.trim()).ok()).flatten();
    said.ok_or_else(|| {
        let problem = Problem::said(unnamed(&answer.err), "could not ask what the role may do")
            .because("nothing was changed");
        problem.cure("try again").into()
    })
}

/// What is defined before the first row.
fn definitions(source: &Source, secrets: &Secrets) -> Result<Script> {
    scanned(Scanner::for_loader(), source, &[BEFORE_ROWS], Until::FirstRow, secrets)
}

/// Reads this much of a dump; of an archive, these sections. A file that can't be read counts as
/// empty: reading it to the end says why.
pub(super) fn scanned(
    mut scanner: Scanner,
    source: &Source,
    sections: &[&str],
    until: Until,
    secrets: &Secrets,
) -> Result<Script> {
    let archive = |cmd: &Cmd| cmd.clone().args(sections.iter().copied());

    match source {
        Source::File { path, coding } => {
            if let Ok(decoder) = artifact::look_into(path, coding) {
                feed(&mut scanner, decoder.take(DEFINITIONS), until);
            }
        }
        Source::Dump(_) => {}
        Source::Command(cmd) => scanner.feed(ask(&archive(cmd), secrets)?.out.as_bytes()),
        Source::Filtered { path, coding, through } => {
            if let Ok(decoder) = artifact::look_into(path, coding) {
                scanner.feed(ask_fed(&archive(through), decoder, secrets)?.out.as_bytes());
            }
        }
        Source::Store(_) | Source::Sealed(_) => {}
    }

    Ok(scanner.finish())
}

/// How much of a dump is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// What is defined before the data.
    FirstRow,
    /// All of it.
    End,
}

fn feed(scanner: &mut Scanner, mut plain: impl Read, until: Until) {
    let mut chunk = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = plain.read(&mut chunk) {
        scanner.feed(&chunk[..read]);
        // nobody gets any of it
        drop((scanner.take_asides(), scanner.take_again()));
        if until == Until::FirstRow && scanner.rows() > 0 {
            break;
        }
    }
}
