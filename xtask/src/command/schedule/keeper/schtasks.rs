//! A task of Windows' Task Scheduler
//! (<https://learn.microsoft.com/windows-server/administration/windows-commands/schtasks-create>).

use super::{Job, MINUTES};
use crate::cmd::Cmd;
use crate::plan::{Act, Deed, How};

/// Makes the task, or replaces an older one. It needs no folder: the words name the project's file.
pub fn install(job: &Job) -> Act {
    let words: Vec<String> = job.words.iter().map(|word| format!("\"{word}\"")).collect();
    let minutes = MINUTES.to_string();
    let cmd = Cmd::new("schtasks").args(["/Create", "/F", "/SC", "MINUTE", "/MO", &minutes]);
    let cmd = cmd.args(["/TN", &job.name(), "/TR", &words.join(" ")]);
    Act::Write(Deed { what: format!("the task {}", job.name()), how: How::Command(cmd) })
}

/// Removes the task.
pub fn remove(job: &Job) -> Act {
    let cmd = Cmd::new("schtasks").args(["/Delete", "/F", "/TN", &job.name()]);
    Act::Remove(Deed { what: format!("the task {}", job.name()), how: How::Command(cmd) })
}

/// Asks whether there is one.
pub fn asks(job: &Job) -> Cmd {
    Cmd::new("schtasks").args(["/Query", "/TN", &job.name()])
}
