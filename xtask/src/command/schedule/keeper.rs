//! What starts `db-schedule run --due` on a machine: cron, systemd, launchd or the Task Scheduler.
//! Each is told the same: a program, a folder, a PATH, every five minutes. What is due then is
//! decided by `db-schedule` itself.

pub mod crontab;
pub mod launchd;
pub mod schtasks;
pub mod systemd;

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::cmd::Cmd;
use crate::facts::machine::Machine;
use crate::plan::{Act, Deed, How};
use crate::problem::{Code, Problem};
use crate::stream::mac;

/// Minutes between two looks at what is due.
pub const MINUTES: u32 = 5;

/// What starts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Keeper {
    /// A line of your crontab
    Crontab,
    /// A timer: of the system for root, of your own otherwise
    Systemd,
    /// An agent of macOS
    Launchd,
    /// A task of Windows
    Schtasks,
}

impl Keeper {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Crontab, Self::Systemd, Self::Launchd, Self::Schtasks];

    /// As people call it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Crontab => "crontab",
            Self::Systemd => "systemd",
            Self::Launchd => "launchd",
            Self::Schtasks => "Task Scheduler",
        }
    }
}

/// What it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The project's name.
    pub project: String,
    /// The project's folder.
    pub folder: PathBuf,
    /// The program and its words.
    pub words: Vec<String>,
    /// The folders of programs.
    pub path: String,
    /// Where macOS puts what it says.
    pub log: PathBuf,
}

impl Job {
    /// A name that no other project on this machine has.
    pub fn name(&self) -> String {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let plain: String =
            self.project.chars().map(|c| if is_plain(c) { c } else { '-' }).take(40).collect();
        let hash = mac::hash(self.folder.as_os_str().as_encoded_bytes());
        let digits: String = hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        format!("db-tasks-{plain}-{digits}")
    }

    /// None of these files has a way to write a line break or another control character.
    ///
    /// # Errors
    /// The job has one.
    pub fn checked(self) -> Result<Self, Problem> {
        let folder = self.folder.to_string_lossy();
        let mut texts = self.words.iter().map(String::as_str).chain([&*folder, &self.path]);
        if texts.any(|text| text.contains(char::is_control)) {
            return Err(Problem::refused("a path holds a control character, such as a line break")
                .code(Code::Config)
                .because("it can't be written into a schedule: nothing was changed")
                .cure("rename the folder, or let `db-schedule run` stay in the foreground"));
        }
        drop(texts);
        Ok(self)
    }
}

/// What takes it, if nobody says.
///
/// # Errors
/// The machine has none of them.
pub fn usual(machine: &Machine) -> Result<Keeper, Problem> {
    match machine.system.as_str() {
        "macos" => Ok(Keeper::Launchd),
        "windows" => Ok(Keeper::Schtasks),
        _ if machine.systemd && machine.user == 0 => Ok(Keeper::Systemd),
        _ if machine.crontab.is_some() => Ok(Keeper::Crontab),
        _ if machine.systemd => Ok(Keeper::Systemd),
        _ => Err(nothing_here()),
    }
}

fn nothing_here() -> Problem {
    Problem::refused("this machine has neither systemd nor crontab")
        .code(Code::ProgramMissing)
        .because("nothing was changed")
        .cure(
            "install cron, or let the container or a supervisor run `db-schedule run`, which stays \
             in the foreground",
        )
}

/// A folder of others' files, too, such as `~/.config/systemd/user`.
fn folder(path: &Path) -> Act {
    let path = path.display().to_string();
    Act::Create(Deed {
        what: format!("the folder {path}, if there is none"),
        how: How::Command(Cmd::new("mkdir").args(["-p".into(), path])),
    })
}

/// What puts a job into place, and what takes it away.
pub fn acts(keeper: Keeper, job: &Job, machine: &Machine) -> Result<Vec<Act>, Problem> {
    match keeper {
        Keeper::Crontab => crontab::install(job, machine),
        Keeper::Systemd => Ok(systemd::install(job, machine)),
        Keeper::Launchd => Ok(launchd::install(job, machine)),
        Keeper::Schtasks => Ok(vec![schtasks::install(job)]),
    }
}

/// What takes a job away.
pub fn undone(keeper: Keeper, job: &Job, machine: &Machine) -> Result<Vec<Act>, Problem> {
    match keeper {
        Keeper::Crontab => crontab::remove(job, machine),
        Keeper::Systemd => Ok(systemd::remove(job, machine)),
        Keeper::Launchd => Ok(launchd::remove(job, machine)),
        Keeper::Schtasks => Ok(vec![schtasks::remove(job)]),
    }
}

/// Those that have our job. `exists` says whether a file does, `task` whether Windows has the task.
pub fn holders(
    job: &Job,
    machine: &Machine,
    exists: impl Fn(&Path) -> bool,
    task: impl Fn() -> bool,
) -> Vec<Keeper> {
    let has = |keeper: &Keeper| match keeper {
        Keeper::Crontab => machine.crontab.as_ref().is_some_and(|text| crontab::has(text, job)),
        Keeper::Systemd => exists(&systemd::timer(job, machine)),
        Keeper::Launchd => exists(&launchd::file(job, machine)),
        Keeper::Schtasks => task(),
    };
    Keeper::ALL.into_iter().filter(has).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn job() -> Job {
        let words = ["/opt/db-tasks", "--config", "/srv/shop/db-tasks.toml"];
        Job {
            project: "shop".into(),
            folder: "/srv/shop".into(),
            words: words
                .into_iter()
                .chain(["db-schedule", "run", "--due"])
                .map(String::from)
                .collect(),
            path: "/usr/local/bin:/usr/bin".into(),
            log: "/srv/shop/.db-tasks/schedule.log".into(),
        }
    }

    #[test]
    fn a_name_is_of_one_project_in_one_folder() {
        let odd = Job { project: "shöp & co".into(), ..job() };
        assert!(odd.name().starts_with("db-tasks-sh-p---co-"), "{}", odd.name());
        assert_ne!(job().name(), Job { folder: "/srv/shop2".into(), ..job() }.name());
    }

    #[test]
    fn what_no_file_can_hold_is_refused() {
        assert!(job().checked().is_ok());
        assert!(Job { folder: "/srv/a\nb".into(), ..job() }.checked().is_err());
        assert!(Job { path: "/bin\r".into(), ..job() }.checked().is_err());
    }

    #[test]
    fn the_usual_one_is_what_the_machine_has() {
        let machine = |system: &str, user, crontab: bool, systemd| Machine {
            system: system.into(),
            user,
            crontab: crontab.then(String::new),
            systemd,
            ..Machine::default()
        };

        for (machine, want) in [
            (machine("macos", 501, true, false), Some(Keeper::Launchd)),
            (machine("windows", 0, false, false), Some(Keeper::Schtasks)),
            (machine("linux", 0, true, true), Some(Keeper::Systemd)),
            (machine("linux", 1000, true, true), Some(Keeper::Crontab)),
            (machine("linux", 1000, false, true), Some(Keeper::Systemd)),
            (machine("linux", 0, true, false), Some(Keeper::Crontab)),
            (machine("freebsd", 0, true, false), Some(Keeper::Crontab)),
            (machine("linux", 0, false, false), None),
        ] {
            assert_eq!(usual(&machine).ok(), want, "{machine:?}");
        }
    }
}
