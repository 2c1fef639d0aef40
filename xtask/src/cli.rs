//! The command line as typed.

mod examples;
pub mod words;

use clap::{Command, CommandFactory, Parser};

pub use crate::command::Task;
pub use crate::options::Global;

/// The databases of a project repo: backed up, proved, restored, reset.
#[derive(Debug, Parser)]
#[command(
    name = "db-tasks",
    version,
    after_help = examples::all("db-tasks"),
    propagate_version = true,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub task: Task,
}

/// The command line, whose help names the program as it was called (`cargo db-tasks`).
pub fn command(by: &str) -> Command {
    Cli::command().bin_name(by).after_help(examples::all(by))
}
