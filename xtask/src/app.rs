//! The flow: arguments, project, facts, plan, gate, run, report.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{CommandFactory, FromArgMatches};

use crate::cli::{self, Cli, Global, Task};
use crate::command::Command;
use crate::config::Env;
use crate::problem::{Exit, Problem};
use crate::session::record::Record;
use crate::session::{self, Intent, Session};
use crate::ui::shown;
use crate::ui::typed::{self, Typed};

/// The program: reads the command line, does the task, maps what went wrong to an exit code.
pub fn main() -> ExitCode {
    let cli = match read() {
        Ok(cli) => cli,
        Err(e) => {
            // clap uses the same exit codes: 0 for help, 2 for usage
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

/// What is read of it; its help names commands as they were typed.
fn read() -> Result<Cli, clap::Error> {
    let by = Typed::of(&Env::of_process(), None, typed::program().as_deref()).by();
    let matches = cli::command(&by).try_get_matches_from(words())?;
    Cli::from_arg_matches(&matches)
}

/// Runs one task: the entry point for your own xtask that includes `Task`.
pub fn execute(global: &Global, task: &Task) -> Exit {
    let begun = Instant::now();
    let command = task.command();
    let mut record = Record::default();
    let result = dispatch(global, command, &mut record);
    let exit = result.as_ref().map_or_else(Exit::of, |exit| *exit);
    let error = result.err();
    error.iter().for_each(session::complain);

    if !global.json {
        return exit;
    }

    let (name, intent) = (command.task().name, command.intent());
    let document = record.document(name, intent, exit, error.as_ref(), begun.elapsed());
    publish(&document).map_or(Exit::Failed, |_| exit)
}

/// The one document of a command, on standard output.
fn publish(document: &serde_json::Value) -> Result<Exit> {
    session::print(&shown::json(&serde_json::to_string_pretty(document)?))
        .inspect_err(session::complain)
}

/// A command line that can't be read gets its document, too, if it asks for one.
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

    // nobody can tell a reader that is gone
    drop(publish(&document));
}

fn dispatch(global: &Global, command: &dyn Command, record: &mut Record) -> Result<Exit> {
    if let Some(text) = command.print_alone(&Cli::command) {
        record.result(&text);
        return if global.json { Ok(Exit::Done) } else { session::print(&text) };
    }

    let mut session = Session::open(global)?;
    let name = command.task().name;
    let words: Vec<String> = words().map(|word| word.to_string_lossy().into_owned()).collect();
    session.cover_words(&words);
    let begun = Instant::now();
    let result = perform(&mut session, global, command, &words);
    if result.is_ok() && command.works_with_servers() {
        session.know_addresses();
    }

    let result = match session.but.take() {
        Some(but) if result.is_ok() => Err(but),
        _ => result,
    };
    let result = session.after_signals(name, result);
    if let Err(e) = &result
        && command.may_change()
    {
        session.audit_refusal(name, e);
    }

    let result = result.map_err(|e| session.covered(e));
    session.end_log(&result);
    if command.is_told() {
        session.tell_of_end(command.task(), &result, begun.elapsed());
    }

    *record = std::mem::take(&mut session.record);
    record.hide(&session.project.secrets);

    result
}

fn perform(
    session: &mut Session,
    global: &Global,
    command: &dyn Command,
    words: &[String],
) -> Result<Exit> {
    session.beware(global, command.task().name, command.touches(), command.intent())?;
    if command.may_change() {
        session.begin_log(command.task().name, words);
    }
    if command.is_told() {
        session.tell_of_beginning(command.task());
    }

    if let Some(seconds) = global.wait {
        session.wait(seconds)?;
    }

    command.run(session)
}
