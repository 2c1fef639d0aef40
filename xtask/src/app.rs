//! The flow: arguments, project, facts, plan, gate, run, report.

mod alone;
mod author;
mod cluster;
mod fitting;
mod hooks;
mod logging;
mod meant;
mod meeting;
mod pgpass;
mod preparing;
mod reading;
mod record;
mod repairing;
mod resetting;
mod restoring;
mod salvaging;
mod services;
mod session;
mod strangers;
mod trying;
mod waiting;
mod wiping;
mod writing;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{CommandFactory, FromArgMatches};

use crate::cli::{self, Cli, Global, Task};
use crate::config::{Env, settings};
use crate::problem::{Exit, Problem};
use crate::run;
use crate::ui::shown;
use crate::ui::typed::{self, Typed};
use record::Record;
use session::{Intent, Session};

/// The program: reads the command line, does the task, maps what went wrong to an exit code.
pub fn main() -> ExitCode {
    let cli = match read() {
        Ok(cli) => cli,
        Err(e) => {
            // clap's own exit codes are ours: 0 for help, 2 for usage
            drop(e.print());
            misread(&e);
            return ExitCode::from(u8::try_from(e.exit_code()).unwrap_or(2));
        }
    };
    execute(&cli.global, &cli.task).into()
}

/// The command line, as it is meant.
fn words() -> impl Iterator<Item = std::ffi::OsString> {
    cli::words::understood(std::env::args_os().collect()).into_iter()
}

/// What is read of it; its help speaks as the person typed.
fn read() -> Result<Cli, clap::Error> {
    let by = Typed::of(&Env::of_process(), None, typed::program().as_deref()).by();
    let matches = cli::command(&by).try_get_matches_from(words())?;
    Cli::from_arg_matches(&matches)
}

/// Does one task: the way in for an xtask of your own that has taken `Task` in.
pub fn execute(global: &Global, task: &Task) -> Exit {
    let begun = Instant::now();
    let mut record = Record::default();
    let result = dispatch(global, task, &mut record);
    let exit = result.as_ref().map_or_else(Exit::of, |exit| *exit);
    let error = result.err();

    error.iter().for_each(session::complain);

    if !global.json {
        return exit;
    }

    let document = record.document(
        record::name(task),
        record::intent(task),
        exit,
        error.as_ref(),
        begun.elapsed(),
    );
    publish(&document).map_or(Exit::Failed, |_| exit)
}

/// The one document of a command, on standard output.
fn publish(document: &serde_json::Value) -> Result<Exit> {
    session::print(&shown::json(&serde_json::to_string_pretty(document)?))
        .inspect_err(session::complain)
}

/// A command line that can't be read has its document, too, where it asks for one.
fn misread(error: &clap::Error) {
    let words: Vec<String> =
        words().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();

    if !error.use_stderr() || !words.iter().any(|word| word == "--json") {
        return;
    }

    let told = error.render().to_string();
    let (first, rest) = told.split_once('\n').unwrap_or((&told, ""));
    let problem = Problem::usage(first.trim_start_matches("error: ")).because(rest).into();
    let cli = Cli::command();
    let command = words
        .iter()
        .find_map(|word| cli.find_subcommand(word))
        .map_or("", |command| command.get_name());

    let document = Record::default().document(
        command,
        Intent::Run,
        Exit::Usage,
        Some(&problem),
        Duration::ZERO,
    );

    // a reader that is gone is told by nobody
    drop(publish(&document));
}

fn dispatch(global: &Global, task: &Task, record: &mut Record) -> Result<Exit> {
    if let Task::Completions { shell } = task {
        let script = cli::completions::script(*shell);
        record.result(&script);
        return if global.json { Ok(Exit::Done) } else { session::print(&script) };
    }

    if matches!(task, Task::Config(args) if args.schema) {
        let schema = settings::schema();
        let text = serde_json::to_string_pretty(&schema)?;
        record.fields(serde_json::json!({ "json_schema": schema }));
        return if global.json { Ok(Exit::Done) } else { session::print(&text) };
    }

    let mut session = Session::open(global)?;
    let words: Vec<String> = words().map(|word| word.to_string_lossy().into_owned()).collect();
    session.cover_words(&words);

    if record::is_a_run(task) {
        session.begin_log(record::name(task), &words);
    }

    let result = session.beware(global, task);
    let result = result.and_then(|()| global.wait.map_or(Ok(()), |seconds| session.wait(seconds)));
    let result = result.and_then(|()| perform(&mut session, task));

    if result.is_ok() && record::works_with_servers(task) {
        session.know_addresses();
    }

    let result = match session.but.take() {
        Some(but) if result.is_ok() => Err(but),
        _ => result,
    };
    if let (Err(e), Intent::Run) = (&result, record::intent(task)) {
        session.audit_refusal(record::name(task), e);
    }

    *record = std::mem::take(&mut session.record);
    record.hide(&session.project.secrets);

    let result = result.and_then(|exit| session.whole(exit));
    // a signal that came while facts were asked for ended a child, too: the signal is what happened
    let result = result.map_err(|e| if session.interrupted() { run::interrupted(e) } else { e });
    let result = result.map_err(|e| session.covered(e));

    session.end_log(&result);

    result
}

fn perform(session: &mut Session, task: &Task) -> Result<Exit> {
    match task {
        Task::Backup(args) => writing::backup(session, args),
        Task::Restore(args) => restoring::restore(session, args),
        Task::Undo(args) => restoring::undo(session, args),
        Task::Verify(args) => writing::verify(session, args),
        Task::Wipe(args) => wiping::wipe(session, args),
        Task::Protect(args) => wiping::protect(session, args),
        Task::Cleanup(args) => writing::cleanup(session, args),
        Task::Reset(args) => resetting::reset(session, args),
        Task::Migrate(args) => resetting::migrate(session, args),
        Task::Seed(args) => resetting::seed(session, args),
        Task::Prepare(args) => preparing::prepare(session, args),
        Task::Repair(args) => resetting::repair(session, args),
        Task::Pgpass(args) => pgpass::pgpass(session, args),
        Task::Start(args) => cluster::start(session, args),
        Task::Stop(args) => cluster::stop(session, args),
        Task::List(args) => reading::list(session, args),
        Task::Info(args) => reading::info(session, &args.name),
        Task::Status(args) => reading::status(session, args),
        Task::Shell(args) => reading::shell(session, args),
        Task::Config(_) => reading::config(session),
        Task::Doctor => reading::doctor(session),
        Task::Completions { .. } => Ok(Exit::Done),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hint for a command that is not known there could not be pasted.
    #[test]
    fn hints_know_every_command() {
        let cli = Cli::command();
        let mut names: Vec<&str> =
            cli.get_subcommands().filter_map(|c| c.get_name().strip_prefix("db-")).collect();
        let mut known = crate::ui::typed::COMMANDS.to_vec();
        names.sort_unstable();
        known.sort_unstable();
        assert_eq!(names, known);
    }
}
