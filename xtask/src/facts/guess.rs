//! Which database a container's server has if the project does not say, and whether that guess is
//! plausible.

use anyhow::Result;

use super::ContainerFacts;
use crate::cmd::Cmd;
use crate::config::{Connection, Secrets};
use crate::door::ask::ask;
use crate::engine::postgres::catalog::contents::{OTHERS, has_tables};
use crate::engine::postgres::client::Client;
use crate::place::Place;
use crate::problem::{Code, Problem, one_line};

/// Fills in role and database from the official image's variables, and the server's port.
/// <https://hub.docker.com/_/postgres#environment-variables>
///
/// # Errors
/// A variable names a file there that can't be read.
pub fn complete(connection: &mut Connection, found: &ContainerFacts) -> Result<()> {
    connection.port_inside = connection.port_inside.take().or_else(|| found.port());
    let role = said(found, "POSTGRES_USER")?;

    if connection.database.is_none() {
        connection.database = said(found, "POSTGRES_DB")?;
    }

    if connection.database.is_none() {
        // the image makes a database with the role's name; if others were made later, this one is
        // empty
        let (name, why) = match &role {
            Some(role) => (role.clone(), "the container's POSTGRES_USER"),
            None => ("postgres".to_owned(), "every server has it"),
        };
        (connection.database, connection.guessed) = (Some(name), Some(why.to_owned()));
    }

    connection.user = connection.user.take().or(role).or(Some("postgres".into()));

    Ok(())
}

/// The password of the image's own role, for clients outside. If the volume is older than the
/// variable it may be wrong, and the server refuses it.
pub fn password(found: &ContainerFacts, role: Option<&str>) -> Option<String> {
    let owner = said(found, "POSTGRES_USER").ok()?.unwrap_or_else(|| "postgres".into());
    if role != Some(owner.as_str()) {
        return None;
    }
    said(found, "POSTGRES_PASSWORD").ok()?
}

/// What a variable of the container says, or the file that `…_FILE` names: the image's own way to
/// pass secrets.
fn said(found: &ContainerFacts, variable: &str) -> Result<Option<String>> {
    if let Some(value) = found.env.get(variable).filter(|value| !value.is_empty()) {
        return Ok(Some(value.clone()));
    }

    let file = format!("{variable}_FILE");
    let Some(path) = found.env.get(&file).filter(|path| !path.is_empty()) else { return Ok(None) };
    let cat = Place::container(&found.engine, &found.name).wrap(Cmd::new("cat").args(["--", path]));
    let answer = ask(&cat, &Secrets::default())?;

    if !answer.good {
        return Err(Problem::said(
            &answer.err,
            format!(
                "could not read `{path}` in the container `{}`, which {file} names",
                found.name
            ),
        )
        .code(Code::FileError)
        .cure(
            "set role and database in `db-tasks.toml`: `postgres = { user = \"…\", database = \
             \"…\" }`",
        )
        .into());
    }

    Ok(Some(answer.out.trim_end_matches('\n').to_owned()).filter(|text| !text.is_empty()))
}

/// Refuses a guess that is most likely wrong: an empty database next to others that are not.
///
/// # Errors
/// It is one, or the server does not answer.
pub fn holds(client: &Client, secrets: &Secrets) -> Result<()> {
    let Some(why) = &client.connection.guessed else { return Ok(()) };
    let is_empty = |database: &str| {
        anyhow::Ok(answer(client, database, &has_tables(), secrets)?.map(|said| said.trim() == "f"))
    };

    // one that does not exist, or that we can't connect to, is reported elsewhere
    if is_empty(client.database())? != Some(true) {
        return Ok(());
    }

    let others: Vec<String> = match answer(client, client.database(), OTHERS, secrets)? {
        Some(text) => serde_json::from_str(&text)?,
        None => return Ok(()),
    };
    let mut full = Vec::new();
    for name in others {
        if is_empty(&name)? == Some(false) {
            full.push(format!("`{name}`"));
        }
    }

    match full.first() {
        Some(first) => Err(wrong(client, why, &full, first).into()),
        None => Ok(()),
    }
}

fn answer(client: &Client, database: &str, sql: &str, secrets: &Secrets) -> Result<Option<String>> {
    let answer = ask(&client.psql(database, sql), secrets)?;
    Ok(answer.good.then_some(answer.out))
}

fn wrong(client: &Client, why: &str, full: &[String], first: &str) -> Problem {
    let database = client.database();
    Problem::refused(format!(
        "`db-tasks.toml` does not say which database to use, and `{database}` is most likely the \
         wrong one"
    ))
    .code(Code::Config)
    .because(one_line(&format!(
        "it was chosen by its name ({why}), and it is empty; these are not: {}",
        full.join(", ")
    )))
    .cure(format!(
        "set it in `db-tasks.toml`: `postgres = {{ database = \"{}\" }}`",
        first.trim_matches('`')
    ))
}
