//! The ratchet that a backup is held to: what the project says, what the file says, and who lifts it.

use std::path::Path;

use anyhow::Result;

use super::Backup;
use super::plan::{Ratchet, Request};
use crate::bundle::ratchet::{File, NAME};
use crate::config::Env;
use crate::problem::{Code, Problem};
use crate::session::Session;

/// Accepts fewer records, in the environment of one run.
const VARIABLE: &str = "ALLOW_EMPTY_SQL_DUMP";

/// The one that is in force for a backup to this folder.
///
/// # Errors
/// Its file can't be used, and nobody says that it may be written anew.
pub(super) fn in_force(session: &Session, dir: &Path, args: &Backup) -> Result<Option<Ratchet>> {
    let project = &session.project;
    let Some(rules) = project.guards.ratchet.clone() else { return Ok(None) };
    let (path, accepted) = (dir.join(NAME), accepted(args, &session.env));
    let file = match File::read(&path) {
        Ok(file) => file,
        Err(_) if accepted.is_some() => File::default(),
        Err(why) => return Err(unusable(&path, &why).into()),
    };

    let name = project.named.then_some(project.name.as_str());
    if let Some(other) = name.and_then(|name| file.is_of_another(name)) {
        return Err(of_another(&path, other).into());
    }

    let (file, databases) = (file.of_project(name), project.databases.len());
    Ok(Some(Ratchet { path, file, rules, databases, accepted }))
}

/// What lifts a ratchet, and does nothing here.
pub(super) fn idle_words(session: &Session, args: &Backup, request: &Request) -> Vec<String> {
    let env = &session.env;
    let word = args.accept_shrink.then_some("--accept-shrink");
    let word = word.or_else(|| env.says_yes(VARIABLE).then_some(VARIABLE));
    let is_active = request.ratchet.is_some();

    let idle = word.filter(|_| !is_active).map(|word| {
        format!(
            "{word} does nothing here: this backup is not held to a ratchet (`[guards.ratchet]`)"
        )
    });
    let in_a_file = || {
        let file = env.get(VARIABLE).and_then(|value| env.held(VARIABLE, value));
        format!(
            "{VARIABLE} is set in `{}`, and ignored: it counts only if it is set in the \
             environment, for one run",
            file.unwrap_or(".env")
        )
    };
    let is_ignored = is_active && env.says_yes(VARIABLE) && !by_variable(env);
    idle.into_iter().chain(is_ignored.then(in_a_file)).collect()
}

fn accepted(args: &Backup, env: &Env) -> Option<String> {
    if args.accept_shrink {
        return Some("`--accept-shrink`".into());
    }
    by_variable(env).then(|| format!("`{VARIABLE}`"))
}

/// In a file it would always be set.
fn by_variable(env: &Env) -> bool {
    let given = env.given(VARIABLE).filter(|value| env.held(VARIABLE, value).is_none());
    given.is_some() && env.says_yes(VARIABLE)
}

fn unusable(path: &Path, why: &str) -> Problem {
    Problem::refused(format!("the record counts in `{}` can't be used", path.display()))
        .code(Code::FileError)
        .because(why)
        .because("nothing was begun: without them nobody knows how many records a backup must hold")
        .cure(
            "put back the file as it was; or run `db-backup --accept-shrink`, which writes it anew \
             with what the database holds now",
        )
}

fn of_another(path: &Path, other: &str) -> Problem {
    Problem::refused(format!(
        "the record counts in `{}` are of the project `{other}`",
        path.display()
    ))
    .because("nothing was begun: a backup of one project can't be compared with those of another")
    .cure(
        "give each project a folder of its own (`backup.dir`); if the project has a new name, \
         write it as `project` into the file",
    )
}
