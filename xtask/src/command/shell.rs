//! `db-shell`: open psql on the right database, or run SQL.

use std::io::IsTerminal;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::Command;
use crate::config::Database;
use crate::door::children;
use crate::engine::postgres::client::{Script, Terminal};
use crate::problem::{Code, Exit, Problem, Status};
use crate::run::child;
use crate::session::servers::Wants;
use crate::session::{Intent, Session};
use crate::tasks::{self, Task};

/// `db-shell`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = EXAMPLES)]
pub struct Shell {
    /// Run this SQL
    #[arg(short = 'c', long = "command", value_name = "SQL")]
    pub command: Option<String>,
    /// Run this file, in one transaction: all of it or nothing
    #[arg(short = 'f', long = "file", value_name = "FILE", conflicts_with = "command")]
    pub file: Option<PathBuf>,
    /// With `-f`: run each statement by itself, for what can't run in a transaction
    #[arg(long, requires = "file")]
    pub no_transaction: bool,
    /// The database (its key or its name)
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
    /// Show the command, and do not run it
    #[arg(long)]
    pub dry_run: bool,
}

const EXAMPLES: &str = "\
Examples:
  db-shell                             psql, as you know it
  db-shell -c 'SELECT count(*) FROM users'
  db-shell -f script.sql               the file is read here, wherever psql runs";

impl Command for Shell {
    fn task(&self) -> &'static Task {
        &tasks::SHELL
    }

    fn intent(&self) -> Intent {
        Intent::by_flag(self.dry_run)
    }

    fn run(&self, session: &mut Session) -> Result<Exit> {
        let database = session.database(self.database.as_deref())?;
        let intent = self.intent();
        let databases = std::slice::from_ref(&database);
        session.with_servers(databases, Wants::Made, intent, |session| {
            open_shell(session, self, &database)
        })
    }
}

fn open_shell(session: &mut Session, args: &Shell, database: &Database) -> Result<Exit> {
    let (client, ..) = session.surveyor().client(database)?;
    let input = input(args)?;
    if input.is_none() && !session.lends_output() {
        return Err(Problem::usage("`--json` does not work with an interactive shell")
            .cure("with `--json`, say what it is to run: `-c SQL` or `-f FILE`")
            .into());
    }

    let both_ends = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let cmd = client.shell(input, if both_ends { Terminal::Present } else { Terminal::Absent });
    if args.dry_run {
        return session.print(&format!("$ {cmd}"));
    }

    let (interrupt, _) = session.signals();
    if !session.lends_output() {
        let said = child::command(&cmd, &session.project.secrets, &interrupt)?;
        return session.print(&said);
    }

    let status = children::hand_over(&cmd, &session.project.secrets, &interrupt)?;
    if status == Some(0) { Ok(Exit::Done) } else { Err(failed(status, args).into()) }
}

/// What psql runs; nothing at a terminal.
fn input(args: &Shell) -> Result<Option<Script>> {
    if let Some(sql) = &args.command {
        return Ok(Some(Script::Statements(sql.clone())));
    }

    // read here: the container does not have the file
    let Some(path) = &args.file else { return Ok(None) };
    let sql = std::fs::read_to_string(path).map_err(|e| {
        Problem::usage(format!("could not read `{}`", path.display()))
            .code(Code::FileError)
            .because(e.to_string())
    })?;

    let whole = if args.no_transaction { Script::Statements } else { Script::Transaction };
    Ok(Some(whole(sql)))
}

fn failed(status: Option<i32>, args: &Shell) -> Problem {
    let how = status.map_or(Status::Signal, Status::Code);
    let ended = Problem::failed(format!("psql ended with {how}")).code(Code::ProgramFailed);
    if args.file.is_none() || args.no_transaction {
        return ended;
    }

    ended
        .because(
            "the file is one transaction: none of it is committed, unless it has its own COMMIT",
        )
        .cure(
            "fix it; what can't run in a transaction (VACUUM, CREATE DATABASE) runs with `db-shell \
             -f FILE --no-transaction`",
        )
}
