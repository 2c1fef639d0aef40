//! What is told of a command's end, and to whom.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::config::Notice;
use crate::config::notices::{On, Way};
use crate::problem::Exit;
use crate::tasks::{self, Task};
use crate::value::Anchor;

/// What has happened.
#[derive(Debug, Clone)]
pub struct Happened {
    /// What it is.
    pub on: Vec<On>,
    /// The command.
    pub task: &'static str,
    /// How it ended.
    pub exit: Exit,
    /// The project.
    pub project: String,
    /// Its environment.
    pub environment: String,
    /// `user@host`
    pub who: String,
    /// When it began.
    pub when: DateTime<Utc>,
    /// How long it took.
    pub took: Duration,
    /// The databases that it was about.
    pub databases: Vec<String>,
    /// What went wrong, or what was found.
    pub problem: Vec<String>,
    /// What it printed, such as a backup's path.
    pub result: Vec<String>,
    /// The head of the audit log: a cut tail is found by it.
    pub audit: Option<Anchor>,
}

/// How a command was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// A plan of it was run, to whatever end.
    Run,
    /// None was.
    Stopped,
}

/// Who sees how it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Witness {
    /// A person at a terminal, who typed it and reads the error.
    Person,
    /// Nobody.
    Nobody,
}

/// What an end of a command is, for notices. A slip of the person who typed it is no news, and
/// neither is their Ctrl-C or their no.
pub fn what_it_is(task: &Task, exit: Exit, course: Course, witness: Witness) -> Vec<On> {
    let seen = witness == Witness::Person;
    let end = match exit {
        Exit::Done => Some(On::Success),
        Exit::Refused => Some(On::Refusal),
        Exit::Shrunken => Some(On::Shrunken),
        Exit::Declined => None,
        Exit::Usage | Exit::Interrupted | Exit::Locked if seen => None,
        Exit::Failed | Exit::FinishedBut | Exit::Usage | Exit::Interrupted | Exit::Locked => {
            Some(On::Failure)
        }
    };

    let change = match task.name {
        _ if course == Course::Stopped => None,
        name if name == tasks::WIPE.name => Some(On::Wipe),
        name if name == tasks::RESET.name => Some(On::Reset),
        _ => None,
    };
    end.into_iter().chain(change).collect()
}

/// Those that are told. A ping hears of every end but a person's no: it waits for the next.
pub fn told<'a>(notices: &'a [Notice], happened: &Happened) -> Vec<&'a Notice> {
    let stale = happened.on.contains(&On::Stale);
    let wants = |notice: &&Notice| match notice.way {
        Way::Ping(_) => happened.exit != Exit::Declined && !stale,
        _ => notice.on.iter().any(|on| happened.on.contains(on)),
    };
    notices
        .iter()
        .filter(|notice| stale || is_for(notice, happened.task))
        .filter(|notice| is_from(notice, &happened.environment))
        .filter(wants)
        .collect()
}

/// The pings that hear of a beginning.
pub fn begun<'a>(
    notices: &'a [Notice],
    task: &'static str,
    environment: &str,
) -> impl Iterator<Item = &'a Notice> {
    notices.iter().filter(move |notice| {
        matches!(notice.way, Way::Ping(_)) && is_for(notice, task) && is_from(notice, environment)
    })
}

fn is_for(notice: &Notice, task: &str) -> bool {
    notice.commands.is_empty() || notice.commands.iter().any(|word| word == tasks::word(task))
}

fn is_from(notice: &Notice, environment: &str) -> bool {
    notice.environments.is_empty() || notice.environments.iter().any(|name| name == environment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SecretName;
    use crate::config::notices::Shape;

    #[test]
    fn a_table_of_ends() {
        let (run, stopped) = (Course::Run, Course::Stopped);
        let (person, nobody) = (Witness::Person, Witness::Nobody);
        for (task, exit, course, witness, want) in [
            (&tasks::BACKUP, Exit::Done, run, nobody, vec![On::Success]),
            (&tasks::BACKUP, Exit::Failed, run, person, vec![On::Failure]),
            (&tasks::BACKUP, Exit::FinishedBut, run, person, vec![On::Failure]),
            (&tasks::BACKUP, Exit::Shrunken, run, nobody, vec![On::Shrunken]),
            (&tasks::BACKUP, Exit::Locked, stopped, nobody, vec![On::Failure]),
            (&tasks::BACKUP, Exit::Usage, stopped, nobody, vec![On::Failure]),
            (&tasks::BACKUP, Exit::Usage, stopped, person, vec![]),
            (&tasks::RESTORE, Exit::Interrupted, run, person, vec![]),
            (&tasks::RESTORE, Exit::Interrupted, run, nobody, vec![On::Failure]),
            (&tasks::WIPE, Exit::Declined, stopped, person, vec![]),
            (&tasks::WIPE, Exit::Refused, stopped, person, vec![On::Refusal]),
            (&tasks::WIPE, Exit::Done, run, person, vec![On::Success, On::Wipe]),
            (&tasks::WIPE, Exit::Failed, run, nobody, vec![On::Failure, On::Wipe]),
            (&tasks::WIPE, Exit::Interrupted, run, person, vec![On::Wipe]),
            (&tasks::RESET, Exit::Done, run, nobody, vec![On::Success, On::Reset]),
        ] {
            assert_eq!(what_it_is(task, exit, course, witness), want, "{} {exit:?}", task.name);
        }
    }

    #[test]
    fn who_is_told() {
        let url = || SecretName("x".into());
        let notice = |on: &[On], commands: &[&str], environments: &[&str], way| Notice {
            name: "x".into(),
            on: on.into(),
            commands: commands.iter().map(ToString::to_string).collect(),
            environments: environments.iter().map(ToString::to_string).collect(),
            way,
        };
        let hook = || Way::Webhook { url: url(), shape: Shape::Json };
        let ended = |on: &[On], task, exit| Happened {
            on: on.into(),
            task,
            exit,
            project: "shop".into(),
            environment: "production".into(),
            who: String::new(),
            when: DateTime::default(),
            took: Duration::ZERO,
            databases: Vec::new(),
            problem: Vec::new(),
            result: Vec::new(),
            audit: None,
        };
        let failed = || ended(&[On::Failure], "db-backup", Exit::Failed);

        for (notice, happened, want) in [
            (notice(&[On::Failure], &[], &[], hook()), failed(), 1),
            (notice(&[On::Success], &[], &[], hook()), failed(), 0),
            (notice(&[On::Failure], &["restore"], &[], hook()), failed(), 0),
            (notice(&[On::Failure], &["backup"], &["production"], hook()), failed(), 1),
            (notice(&[On::Failure], &[], &["staging"], hook()), failed(), 0),
            (notice(&[], &["backup"], &[], Way::Ping(url())), failed(), 1),
            (
                notice(&[], &["backup"], &[], Way::Ping(url())),
                ended(&[], "db-backup", Exit::Declined),
                0,
            ),
            (
                notice(&[], &["backup"], &[], Way::Ping(url())),
                ended(&[On::Success], "db-wipe", Exit::Done),
                0,
            ),
            (
                notice(&[On::Stale], &["backup"], &[], hook()),
                ended(&[On::Stale], "db-status", Exit::Failed),
                1,
            ),
            (
                notice(&[], &[], &[], Way::Ping(url())),
                ended(&[On::Stale], "db-status", Exit::Failed),
                0,
            ),
        ] {
            assert_eq!(told(std::slice::from_ref(&notice), &happened).len(), want, "{notice:?}");
        }
    }
}
