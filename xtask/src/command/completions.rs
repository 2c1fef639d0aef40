//! `db-completions`: print completions for a shell.

mod script;

use anyhow::Result;
use clap::Args;

use super::Command;
use crate::problem::Exit;
use crate::session::Session;
use crate::tasks::{self, Task};

/// `db-completions`
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
}

const EXAMPLES: &str = "\
Examples:
  db-tasks db-completions bash > ~/.local/share/bash-completion/completions/db-tasks
  db-tasks db-completions zsh > ~/.zfunc/_db-tasks       a folder that is in `fpath`
  db-tasks db-completions fish > ~/.config/fish/completions/db-tasks.fish
  db-tasks db-completions powershell >> $PROFILE";

impl Command for Completions {
    fn task(&self) -> &'static Task {
        &tasks::COMPLETIONS
    }

    fn print_alone(&self, program: &dyn Fn() -> clap::Command) -> Option<String> {
        Some(script::script(self.shell, program()))
    }

    fn run(&self, _session: &mut Session) -> Result<Exit> {
        Ok(Exit::Done)
    }
}
