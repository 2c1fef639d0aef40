//! `db-pgpass`: where the file is, and what goes into it.

use std::path::PathBuf;

use anyhow::Result;

use super::session::{Intent, Session};
use crate::cli;
use crate::facts::logins::logins;
use crate::gate::Consent;
use crate::problem::{Exit, Problem};
use crate::task::pgpass::{self, TASK};

/// `db-pgpass`
pub fn pgpass(session: &mut Session, args: &cli::Pgpass) -> Result<Exit> {
    let intent = Intent::by_flag(args.dry_run);
    let file = match &args.file {
        Some(path) => std::path::absolute(path)?,
        None => own_file(session)?,
    };
    session.lock(TASK, intent)?;

    let (mut all, mut notes) = (Vec::new(), Vec::new());

    for database in session.databases(args.database.as_deref())? {
        let mut secrets = std::mem::take(&mut session.project.secrets);
        let found = logins(&database, &session.project, &session.env, &mut secrets);
        session.project.secrets = secrets;
        match found {
            Ok(found) => all.extend(found),
            Err(why) => notes.push(format!("`{}` gets no line: {why}", database.key)),
        }
    }

    let plan = pgpass::plan(&file, all, notes);
    let idle = plan.steps.is_empty();
    let headline = plan.headline.clone();

    match session.carry_out(plan, Consent::Yes, intent)? {
        Some(_) if idle => session.print(&headline),
        Some(_) => session.print(&Session::short(&file)),
        None => Ok(Exit::Done),
    }
}

/// The person's own; what a repository's `.env` says of it counts for nothing.
fn own_file(session: &Session) -> Result<PathBuf> {
    let said = |name| session.env.given(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = if cfg!(windows) {
        said("APPDATA").map(|folder| folder.join("postgresql").join("pgpass.conf"))
    } else {
        said("HOME").map(|folder| folder.join(".pgpass"))
    };

    said("PGPASSFILE").or(home).ok_or_else(|| {
        Problem::failed(
            "nothing says where your password file is: neither PGPASSFILE nor HOME is set",
        )
        .cure("name it: `--file PATH`")
        .into()
    })
}
