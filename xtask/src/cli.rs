//! The command line as typed.

mod examples;
pub mod words;

use clap::{Command, CommandFactory, Parser};

pub use crate::command::Task;
pub use crate::options::Global;

/// Back up, verify, restore and reset the databases of a project repo.
#[derive(Debug, Parser)]
#[command(
    name = "db-tasks",
    version,
    after_help = examples::all("db-tasks"),
    propagate_version = true,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// What applies to every command.
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
