//! A timer and its service, systemd.timer(5) and systemd.service(5).

use std::path::PathBuf;

use super::{Job, MINUTES};
use crate::cmd::Cmd;
use crate::facts::machine::Machine;
use crate::plan::{Act, Deed, How};

/// Writes both files and starts the timer.
pub fn install(job: &Job, machine: &Machine) -> Vec<Act> {
    let (service, timer) = (service(job, machine), timer(job, machine));
    let text = |path: &PathBuf, text: String| {
        let what = format!("the file {}", path.display());
        Act::Write(Deed { what, how: How::Text(path.clone(), text) })
    };

    vec![
        super::folder(&folder(machine)),
        text(&service, service_text(job)),
        text(&timer, timer_text(job)),
        manager(machine, "what systemd knows of it", &["daemon-reload"]),
        manager(
            machine,
            "the timer, from now on",
            &["enable", "--now", &format!("{}.timer", job.name())],
        ),
    ]
}

/// Stops the timer and removes both files.
pub fn remove(job: &Job, machine: &Machine) -> Vec<Act> {
    let file = |path: PathBuf| {
        let what = format!("the file {}", path.display());
        Act::Remove(Deed { what, how: How::File(path) })
    };

    vec![
        manager(
            machine,
            "the timer, no longer",
            &["disable", "--now", &format!("{}.timer", job.name())],
        ),
        file(timer(job, machine)),
        file(service(job, machine)),
        manager(machine, "what systemd knows of it", &["daemon-reload"]),
    ]
}

/// The file of the timer.
pub fn timer(job: &Job, machine: &Machine) -> PathBuf {
    folder(machine).join(format!("{}.timer", job.name()))
}

fn service(job: &Job, machine: &Machine) -> PathBuf {
    folder(machine).join(format!("{}.service", job.name()))
}

/// Where the administrator's units are, or one's own: systemd.unit(5).
fn folder(machine: &Machine) -> PathBuf {
    if machine.user == 0 {
        return "/etc/systemd/system".into();
    }
    let settings = machine.settings.clone().unwrap_or_else(|| machine.home.join(".config"));
    settings.join("systemd/user")
}

fn manager(machine: &Machine, what: &str, words: &[&str]) -> Act {
    let whose = (machine.user != 0).then_some("--user");
    let cmd = Cmd::new("systemctl").args(whose).args(words.iter().copied());
    Act::Write(Deed { what: what.into(), how: How::Command(cmd) })
}

fn service_text(job: &Job) -> String {
    let words: Vec<String> = job.words.iter().map(|word| word_text(word)).collect();
    let folder = job.folder.to_string_lossy();
    format!(
        "# `db-schedule` wrote this file, and `db-schedule remove` removes it\n\
         [Unit]\n\
         Description=Backups of {} in {}\n\n\
         [Service]\n\
         Type=oneshot\n\
         WorkingDirectory={}\n\
         Environment={}\n\
         ExecStart={}\n",
        percent(&job.project),
        percent(&folder),
        percent(&folder),
        setting(&format!("PATH={}", job.path)),
        words.join(" ")
    )
}

/// `Persistent`: what was missed while the machine was off is made up for.
fn timer_text(job: &Job) -> String {
    format!(
        "# `db-schedule` wrote this file, and `db-schedule remove` removes it\n\
         [Unit]\n\
         Description=Looks which backups of {} are due\n\n\
         [Timer]\n\
         OnCalendar=*:0/{MINUTES}\n\
         Persistent=true\n\n\
         [Install]\n\
         WantedBy=timers.target\n",
        percent(&job.project)
    )
}

/// A word of a command line: there `$` is a variable, too, unless it is doubled.
fn word_text(word: &str) -> String {
    setting(&word.replace('$', "$$"))
}

/// A quoted word: `%` begins a specifier everywhere.
fn setting(text: &str) -> String {
    format!("\"{}\"", percent(&text.replace('\\', "\\\\").replace('"', "\\\"")))
}

fn percent(text: &str) -> String {
    text.replace('%', "%%")
}

#[cfg(test)]
mod tests {
    use super::super::tests::job;
    use super::*;

    #[test]
    fn the_service_is_written_as_systemd_reads_it() {
        let job = Job {
            folder: "/srv/100% \"$shop\"".into(),
            words: ["/opt/a b/db-tasks", "x\\y", "$z"].map(String::from).into(),
            ..job()
        };
        let text = service_text(&job);
        assert!(text.contains("WorkingDirectory=/srv/100%% \"$shop\"\n"), "{text}");
        assert!(text.contains("Environment=\"PATH=/usr/local/bin:/usr/bin\"\n"), "{text}");
        assert!(text.contains("ExecStart=\"/opt/a b/db-tasks\" \"x\\\\y\" \"$$z\"\n"), "{text}");
    }

    #[test]
    fn roots_timer_is_the_systems() {
        let own = Machine { user: 1000, home: "/home/me".into(), ..Machine::default() };
        let name = job().name();
        for (machine, folder) in [
            (Machine::default(), "/etc/systemd/system"),
            (own.clone(), "/home/me/.config/systemd/user"),
            (Machine { settings: Some("/conf".into()), ..own }, "/conf/systemd/user"),
        ] {
            assert_eq!(timer(&job(), &machine), PathBuf::from(format!("{folder}/{name}.timer")));
        }
    }
}
