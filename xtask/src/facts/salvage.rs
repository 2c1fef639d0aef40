//! What can still be read of a damaged database: every table is read to the end, each in its own
//! session, because damage may end a session.

use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;
use serde::Deserialize;

use super::Surveyed;
use crate::config::Secrets;
use crate::door::ask::{Answer, ask};
use crate::engine::postgres::catalog::salvage::{
    ALIVE, Kind, LARGE_OBJECTS, OBJECTS, RELATIONS, pattern, read,
};
use crate::engine::postgres::client::said;
use crate::problem::{Code, Problem};

/// How often, and for how long, to ask a server that terminated all sessions whether it is back.
const TRIES: u32 = 120;
const PAUSE: Duration = Duration::from_millis(500);

/// What can't be read of a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Damage {
    /// Tables and sequences.
    pub unread: Vec<Unread>,
    /// Why none of its large objects can be read.
    pub large_objects: Option<String>,
}

/// A table or a sequence that can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Its name, as it is shown.
    pub name: String,
    /// What pg_dump knows it by.
    pub pattern: String,
    /// What the server says.
    pub why: String,
}

impl Damage {
    /// Whether all of it can be read.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// What is missing from a salvage: the table, and a sentence.
    pub fn told(&self) -> Vec<(String, String)> {
        let of = |u: &Unread| {
            (u.name.clone(), format!("the rows of `{}` can't be read: {}", u.name, u.why))
        };
        let objects = self
            .large_objects
            .iter()
            .map(|why| (OBJECTS.to_owned(), format!("its large objects can't be read: {why}")));
        self.unread.iter().map(of).chain(objects).collect()
    }
}

#[derive(Deserialize)]
struct Relation {
    oid: u32,
    kind: Kind,
    schema: String,
    name: String,
}

/// Reads everything that a dump reads; `tell` hears what can't be read.
///
/// # Errors
/// The list of tables can't be read: the catalog itself is damaged, or the server does not come
/// back.
pub fn look(target: &Surveyed, secrets: &Secrets, tell: &mut dyn FnMut(&str)) -> Result<Damage> {
    let client = &target.client;
    let question = |sql: &str| ask(&client.psql(client.database(), sql), secrets);
    let answer = question(RELATIONS)?;

    if !answer.good {
        return Err(Problem::said(
            said::unnamed(&answer.err),
            format!("the list of tables of `{}` can't be read", target.name()),
        )
        .cure(
            "the catalog itself is damaged: restore the newest good backup (`db-list`); copy the \
             server's data folder before you try anything else",
        )
        .into());
    }

    let mut damage = Damage::default();

    for relation in serde_json::from_str::<Vec<Relation>>(answer.out.trim())? {
        if let Some(why) = fault(&question(&read(relation.kind, relation.oid))?) {
            back(target, secrets)?;
            let name = format!("{}.{}", relation.schema, relation.name);
            tell(&format!("`{name}` can't be read: {why}"));
            damage.unread.push(Unread {
                pattern: pattern(&relation.schema, &relation.name),
                name,
                why,
            });
        }
    }

    if target.server.role.superuser {
        damage.large_objects = fault(&question(LARGE_OBJECTS)?);
        back(target, secrets)?;
    }

    Ok(damage)
}

/// The server's first message about what it can't read.
fn fault(answer: &Answer) -> Option<String> {
    if answer.good {
        return None;
    }
    let said = answer.err.lines().map(str::trim).find(|line| !line.is_empty());
    let lost = (answer.code == Some(said::LOST)).then_some("the server terminated the session");
    let why = said.map(said::bare);
    Some(why.or(lost).unwrap_or("psql did not say why").to_owned())
}

/// A server that crashed because of damage restarts by itself.
fn back(target: &Surveyed, secrets: &Secrets) -> Result<()> {
    let client = &target.client;
    for _ in 0..TRIES {
        if ask(&client.psql(client.database(), ALIVE), secrets)?.good {
            return Ok(());
        }
        sleep(PAUSE);
    }

    Err(Problem::failed(format!(
        "the server of `{}` did not come back after a table was read",
        target.name()
    ))
    .code(Code::TimedOut)
    .cure("look at its log")
    .into())
}
