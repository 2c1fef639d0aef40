//! The flow: arguments, project, facts, plan, gate, run, report.

mod cluster;
mod hooks;
mod reading;
mod resetting;
mod session;
mod wiping;
mod writing;

use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser};

use crate::cli::{Cli, Global, Task};
use crate::problem::{Exit, Problem};
use crate::run;
use session::Session;

/// The program: reads the command line, does the task, maps what went wrong to an exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            // clap's own exit codes are ours: 0 for help, 2 for usage
            drop(e.print());
            return ExitCode::from(u8::try_from(e.exit_code()).unwrap_or(2));
        }
    };
    execute(&cli.global, &cli.task).into()
}

/// Does one task: the way in for an xtask of your own that has taken `Task` in.
pub fn execute(global: &Global, task: &Task) -> Exit {
    match dispatch(global, task) {
        Ok(exit) => exit,
        Err(e) => {
            let exit = e.downcast_ref::<Problem>().map_or(Exit::Failed, |p| p.exit);
            session::complain(&e);
            exit
        }
    }
}

fn dispatch(global: &Global, task: &Task) -> Result<Exit> {
    if let Task::Completions { shell } = task {
        let mut script = Vec::new();
        clap_complete::generate(*shell, &mut Cli::command(), "db-tasks", &mut script);
        return session::print(&String::from_utf8_lossy(&script));
    }
    let mut session = Session::open(global)?;
    let result = perform(&mut session, task);
    // a signal that came while facts were asked for ended a child, too: the signal is what happened
    result.map_err(|e| if session.interrupted() { run::interrupted(e) } else { e })
}

fn perform(session: &mut Session, task: &Task) -> Result<Exit> {
    match task {
        Task::Backup(args) => writing::backup(session, args),
        Task::Restore(args) => writing::restore(session, args),
        Task::Undo(args) => writing::undo(session, args),
        Task::Verify(args) => writing::verify(session, args),
        Task::Wipe(args) => wiping::wipe(session, args),
        Task::Protect(args) => wiping::protect(session, args),
        Task::Cleanup(args) => writing::cleanup(session, args),
        Task::Reset(args) => resetting::reset(session, args),
        Task::Migrate(args) => resetting::run_hook(session, args, "db-migrate"),
        Task::Seed(args) => resetting::run_hook(session, args, "db-seed"),
        Task::Prepare(args) => resetting::prepare(session, args),
        Task::Repair(args) => resetting::repair(session, args),
        Task::Start(args) => cluster::start(session, args),
        Task::Stop(args) => cluster::stop(session, args),
        Task::List(args) => reading::list(session, args),
        Task::Info(args) => reading::info(session, &args.name, args.json),
        Task::Status(args) => reading::status(session, args),
        Task::Shell(args) => reading::shell(session, args),
        Task::Config(args) => reading::config(session, args),
        Task::Doctor(args) => reading::doctor(session, args),
        Task::Completions { .. } => Ok(Exit::Done),
    }
}
