//! A line of the person's crontab, crontab(5). cron gives a job `/bin/sh`, the home folder and a
//! PATH of two folders: so the line says the folder and the PATH itself.

use super::{Job, MINUTES};
use crate::cmd::{Cmd, quoted};
use crate::facts::machine::Machine;
use crate::plan::{Act, Check, Deed, How};
use crate::problem::{Code, Problem};

/// What our line has, and hardly any other.
const CALL: &str = " db-schedule run --due";

/// Adds the line, or puts it in the place of an older one.
///
/// # Errors
/// There is no crontab.
pub fn install(job: &Job, machine: &Machine) -> Result<Vec<Act>, Problem> {
    let old = machine.crontab.as_ref().ok_or_else(no_crontab)?;
    let new = format!("{}{}\n{}\n", without(old, job), mark(job), line(job));
    Ok(written(&format!("a line in your crontab: {}", line(job)), &new))
}

/// Takes the line away.
///
/// # Errors
/// There is no crontab.
pub fn remove(job: &Job, machine: &Machine) -> Result<Vec<Act>, Problem> {
    let old = machine.crontab.as_ref().ok_or_else(no_crontab)?;
    Ok(written("your crontab, without the line of this project", &without(old, job)))
}

/// Whether a crontab has the line.
pub fn has(crontab: &str, job: &Job) -> bool {
    crontab.lines().any(|line| line == mark(job))
}

fn written(what: &str, text: &str) -> Vec<Act> {
    let write =
        Deed { what: what.into(), how: How::Command(Cmd::new("crontab").arg("-").input(text)) };
    let check = Check {
        what: "your crontab is as it was written".into(),
        cmd: Cmd::new("crontab").arg("-l"),
        expect: text.trim().into(),
        cure: "look at it with `crontab -l`; somebody else may have edited it just now".into(),
    };

    // of an empty one some say that there is none, and fail
    let is_empty = text.trim().is_empty();
    std::iter::once(Act::Write(write)).chain((!is_empty).then_some(Act::Check(check))).collect()
}

fn no_crontab() -> Problem {
    Problem::refused("there is no program `crontab` here")
        .code(Code::ProgramMissing)
        .because("nothing was changed")
        .cure("install cron, or choose another: `--with systemd`")
}

/// The comment before our line.
fn mark(job: &Job) -> String {
    format!(
        "# {}: `db-schedule` wrote the next line, and `db-schedule remove` removes it",
        job.name()
    )
}

/// cron ends a command at a `%` and gives it the rest as its input, even between quotes.
fn line(job: &Job) -> String {
    let words: Vec<String> = job.words.iter().map(|word| quoted(word)).collect();
    let command = format!(
        "cd {} && PATH={} {}",
        quoted(&job.folder.to_string_lossy()),
        quoted(&job.path),
        words.join(" ")
    );
    format!("*/{MINUTES} * * * * {}", command.replace('%', "\\%"))
}

/// A crontab without our two lines. All others stay as they are.
fn without(crontab: &str, job: &Job) -> String {
    let mark = mark(job);
    let mut lines = crontab.lines().peekable();
    let mut kept = String::new();

    while let Some(line) = lines.next() {
        if line == mark {
            // a person may have removed ours, and what follows is theirs
            lines.next_if(|next| next.contains(CALL));
            continue;
        }
        kept.push_str(line);
        kept.push('\n');
    }

    kept
}

#[cfg(test)]
mod tests {
    use super::super::tests::job;
    use super::*;

    #[test]
    fn the_line_brings_what_cron_does_not() {
        let job = Job { folder: "/srv/100% shop's".into(), ..job() };
        assert_eq!(
            line(&job),
            "*/5 * * * * cd '/srv/100\\% shop'\\''s' && PATH=/usr/local/bin:/usr/bin \
             /opt/db-tasks --config /srv/shop/db-tasks.toml db-schedule run --due"
        );
    }

    #[test]
    fn other_lines_stay() {
        let (one, other) = (job(), Job { folder: "/srv/other".into(), ..job() });
        let own = "MAILTO=me\n\n0 1 * * * true\n";
        let put =
            |old: &str, job: &Job| format!("{}{}\n{}\n", without(old, job), mark(job), line(job));

        let both = put(&put(own, &one), &other);
        assert_eq!(put(&put(&both, &one), &other), both, "a second time changes nothing");
        assert!(has(&both, &one) && has(&both, &other));

        let rest = without(&both, &one);
        assert!(!has(&rest, &one) && has(&rest, &other));
        assert_eq!(without(&rest, &other), own);
        assert_eq!(without(own, &one), own);
        assert_eq!(without("", &one), "");

        let cut = format!("{}\n0 1 * * * true\n", mark(&one));
        assert_eq!(without(&cut, &one), "0 1 * * * true\n", "our line is gone already");
    }
}
