//! `db-pgpass`: write the databases' passwords into your password file, so that psql asks for none.

pub mod plan;

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::Command;
use crate::facts::logins::logins;
use crate::gate::Consent;
use crate::problem::{Code, Exit, Problem};
use crate::session::{Intent, Session};
use crate::tasks::{self, Task};

/// `db-pgpass`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = EXAMPLES)]
pub struct Pgpass {
    /// The database (its key or its name); without it, all
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
    /// Write this file instead of PGPASSFILE or `~/.pgpass`
    #[arg(long, value_name = "PATH")]
    pub file: Option<PathBuf>,
    /// Show the lines without their passwords, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

const EXAMPLES: &str = "\
Examples:
  db-pgpass                  a line for each database in `~/.pgpass`
  db-pgpass --dry-run        which lines, without their passwords
  db-pgpass --database main --file ~/.pgpass-shop

The passwords are those of DATABASE_URL, PGPASSWORD, POSTGRES_PASSWORD or the container. Other \
                                 lines
stay as they are; the file is replaced in one step, and only you may read it (0600).";

impl Command for Pgpass {
    fn task(&self) -> &'static Task {
        &tasks::PGPASS
    }

    fn intent(&self) -> Intent {
        Intent::by_flag(self.dry_run)
    }

    fn run(&self, session: &mut Session) -> Result<Exit> {
        let intent = self.intent();
        let file = match &self.file {
            Some(path) => std::path::absolute(path)?,
            None => own_file(session)?,
        };
        session.lock(self.task().name, intent)?;

        let (mut all, mut notes) = (Vec::new(), Vec::new());

        for database in session.databases(self.database.as_deref())? {
            let mut secrets = std::mem::take(&mut session.project.secrets);
            let found = logins(&database, &session.project, &session.env, &mut secrets);
            session.project.secrets = secrets;
            match found {
                Ok(found) => all.extend(found),
                Err(why) => notes.push(format!("`{}` gets no line: {why}", database.key)),
            }
        }

        let plan = plan::plan(&file, all, notes);
        let idle = plan.steps.is_empty();
        let headline = plan.headline.clone();

        match session.carry_out(plan, Consent::Yes, intent)? {
            Some(_) if idle => session.print(&headline),
            Some(_) => session.print(&Session::short(&file)),
            None => Ok(Exit::Done),
        }
    }
}

/// Your own file; what a repository's `.env` says does not count.
fn own_file(session: &Session) -> Result<PathBuf> {
    let said = |name| session.env.given(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = if cfg!(windows) {
        said("APPDATA").map(|folder| folder.join("postgresql").join("pgpass.conf"))
    } else {
        said("HOME").map(|folder| folder.join(".pgpass"))
    };

    said("PGPASSFILE").or(home).ok_or_else(|| {
        Problem::failed("can't find your password file: neither PGPASSFILE nor HOME is set")
            .code(Code::FileError)
            .cure("name it: `--file PATH`")
            .into()
    })
}
