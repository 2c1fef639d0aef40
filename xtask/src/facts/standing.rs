//! What a dump needs on a server, and what the connecting role may do there.

use anyhow::Result;

use super::Surveyed;
use super::asking::ask_server;
use super::dumps::Dump;
use super::loader::{Until, scanned};
use crate::config::Secrets;
use crate::engine::postgres::catalog::standing::{Standing, question};
use crate::engine::postgres::client::archive::{AFTER_ROWS, BEFORE_ROWS};
use crate::engine::postgres::client::said::unnamed;
use crate::engine::postgres::script::Scanner;
use crate::plan::Source;
use crate::problem::Problem;
use crate::value::Claims;

/// A file up to this size is read to the end: rights come after the data.
const SMALL: u64 = 4 << 20;

/// Asks the server.
pub fn ask_standing(target: &Surveyed, secrets: &Secrets) -> Result<Standing> {
    let client = &target.client;
    let database = if target.live().is_some() { target.name() } else { client.maintenance() };
    let answer = ask_server(&client.psql(database, question(target.name())), secrets)?;
    let said = answer.good.then(|| serde_json::from_str(answer.out.trim()).ok()).flatten();

    said.ok_or_else(|| {
        let problem = Problem::said(unnamed(&answer.err), "could not ask what the role may do")
            .because("nothing was changed");
        problem.cure("try again").into()
    })
}

/// What a dump needs: its manifest says everything. Of a file without one, what comes before its
/// first row, or all of a small file.
pub fn claims(dump: &Dump, secrets: &Secrets) -> Result<Claims> {
    if let Some(claims) = dump.postgresql().and_then(|known| known.claims.as_ref()) {
        return Ok(claims.clone());
    }
    read(dump, until(&dump.source), secrets)
}

/// The same, read to its end if it has no manifest: policies come after the data.
pub fn all_claims(dump: &Dump, secrets: &Secrets) -> Result<Claims> {
    match dump.postgresql().and_then(|known| known.claims.as_ref()) {
        Some(claims) => Ok(claims.clone()),
        None => read(dump, Until::End, secrets),
    }
}

fn until(source: &Source) -> Until {
    match source {
        Source::File { path, .. }
            if std::fs::metadata(path).is_ok_and(|file| file.len() > SMALL) =>
        {
            Until::FirstRow
        }
        _ => Until::End,
    }
}

fn read(dump: &Dump, until: Until, secrets: &Secrets) -> Result<Claims> {
    let sections = [BEFORE_ROWS, AFTER_ROWS];
    let script = scanned(Scanner::new(), &dump.source, &sections, until, secrets)?;
    // what is not a dump of one database is reported as that first
    let is_dump = script.other.is_none() && script.refused.is_empty() && script.meta.is_empty();
    Ok(if is_dump { script.claims } else { Claims::default() })
}

/// Whether what we know of the server already shows that the role may do all that a dump needs.
pub fn is_plain(target: &Surveyed, claims: &Claims) -> bool {
    let server = &target.server;
    let (own, superuser) = (&server.role.name, server.role.superuser);
    let is_here =
        |role: &String| role == own || role.starts_with("pg_") || server.roles.contains(role);
    let may_give = |role: &String| server.own_roles.contains(role);
    let is_made =
        |name: &String| name == "plpgsql" || superuser && server.extensions.contains_key(name);

    claims.owners.keys().chain(&claims.givers).all(may_give)
        && claims.assumed.iter().all(|role| role == own || superuser && is_here(role))
        && claims.grantees.keys().chain(&claims.bound).all(is_here)
        && claims.extensions.iter().all(is_made)
        && (claims.event_triggers == 0 || superuser)
}
