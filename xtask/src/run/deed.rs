//! The acts that are one command or one file.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::child::{self, Connected};
use super::last_words::last_words;
use super::{latest, pgpass, store};
use crate::bundle::ending;
use crate::cmd::Cmd;
use crate::config::Secrets;
use crate::disk;
use crate::door::Interrupt;
use crate::door::children::{self, Input, Outlet};
use crate::engine::postgres::client::TELLS;
use crate::plan::{Check, Deed, How, Wait};
use crate::problem::{Code, Problem, one_line, rolled_back};

/// What to report about an act that was done.
pub type Told = Vec<String>;

/// Makes a folder or an empty file, or whatever the command makes.
pub fn create(deed: &Deed, secrets: &Secrets, interrupt: &Interrupt) -> Result<Told> {
    match &deed.how {
        How::Folder(path) => disk::private_folder(path).map(nothing),
        How::File(path) => empty_file(path).map(nothing),
        _ => command(deed, secrets, interrupt),
    }
}

/// Removes a file or a folder of ours, or whatever the command removes.
pub fn remove(deed: &Deed, secrets: &Secrets, interrupt: &Interrupt) -> Result<Told> {
    match &deed.how {
        How::File(path) => Ok(gone(fs::remove_file(path), path).map(nothing)?),
        How::Folder(path) => Ok(gone(fs::remove_dir_all(path), path).map(nothing)?),
        _ => command(deed, secrets, interrupt),
    }
}

/// What is not there need not be removed.
pub(super) fn gone(removed: std::io::Result<()>, path: &Path) -> Result<(), Problem> {
    // in a folder that is read-only it fails whether it is there or not
    let is_absent = |path: &Path| {
        let found = path.symlink_metadata();
        found.is_err_and(|e| matches!(e.kind(), ErrorKind::NotFound | ErrorKind::InvalidFilename))
    };

    match removed {
        Err(e) if !is_absent(path) => {
            Err(Problem::failed(format!("could not remove `{}`", path.display()))
                .code(Code::FileError)
                .because(e.to_string()))
        }
        _ => Ok(()),
    }
}

/// Runs the command of a change, or moves its file.
pub fn command(deed: &Deed, secrets: &Secrets, interrupt: &Interrupt) -> Result<Told> {
    match &deed.how {
        How::Command(cmd) | How::Unbroken(cmd) => {
            child::command(cmd, secrets, interrupt).map(|answer| told(&answer))
        }
        How::Live(cmd, None) => {
            Connected::start(cmd, secrets, interrupt)?.told().map(|answer| told(&answer))
        }
        How::Meanwhile(cmd, way) | How::Live(cmd, Some(way)) => {
            with_its_way(cmd, way, secrets, interrupt).map(|answer| told(&answer))
        }
        How::Move(from, to) => {
            // an empty folder may be replaced; a full one stays, and the rename refuses
            drop(fs::remove_dir(to));
            disk::rename_new(from, to)?;
            disk::sync_folder(to.parent().unwrap_or(to)).map(nothing)
        }
        How::Change(address, change) => {
            store::open(address, secrets, interrupt).map_err(rolled_back)?.change(change)
        }
        How::Passwords(path, logins) => pgpass::write(path, logins, secrets).map(nothing),
        How::Text(path, text) => {
            disk::replace(path, &ending::partial(path), text.as_bytes()).map(nothing)
        }
        How::Folder(path) | How::File(path) => {
            anyhow::bail!("no command in the plan for `{}`", path.display())
        }
        How::Latest(newest) => Ok(latest::name(newest)),
        How::Old(old) => {
            anyhow::bail!("no command in the plan for `{}`", old.manifest.display())
        }
        How::Reload(_) => {
            anyhow::bail!("a reload is a write, and `{}` is not done as one", deed.what)
        }
        How::Hook(hook) => anyhow::bail!("a hook is a write, and `{}` is not run as one", hook.cmd),
    }
}

/// A command, while another clears its way.
fn with_its_way(cmd: &Cmd, way: &Cmd, secrets: &Secrets, interrupt: &Interrupt) -> Result<String> {
    let change = Connected::start(cmd, secrets, interrupt)?;
    // it loops until it sees the other's work, and ends by itself
    let makes_way = child::start(way, Input::Text, Outlet::Kept, secrets, interrupt)?;

    let result = change.told();
    if result.is_err() {
        makes_way.kill();
    }

    // once the command's own work is done, there is nothing left to clear
    let way = makes_way.wait();
    result.map_err(|e| match way.err().filter(|why| !children::was_killed(why)) {
        Some(why) => with_reason(e, &why),
        None => e,
    })
}

/// What a command of ours reports.
fn told(answer: &str) -> Told {
    answer.lines().filter_map(|line| line.strip_prefix(TELLS)).map(String::from).collect()
}

fn nothing((): ()) -> Told {
    Vec::new()
}

/// Why the way was not cleared says why the command had to wait.
fn with_reason(error: anyhow::Error, why: &anyhow::Error) -> anyhow::Error {
    match error.downcast::<Problem>() {
        // its message is the reason; how it was run, and what to do about that, is not
        Ok(problem) => problem
            .because(
                why.downcast_ref()
                    .map_or_else(|| why.to_string(), |w: &Problem| w.happened.join("\n")),
            )
            .into(),
        Err(error) => error,
    }
}

/// Makes sure that the answer is as expected.
pub fn check(check: &Check, secrets: &Secrets, interrupt: &Interrupt) -> Result<()> {
    let answer = child::command(&check.cmd, secrets, interrupt)?;
    if answer.trim() == check.expect {
        return Ok(());
    }
    Err(Problem::failed(format!("this is not true: {}", check.what))
        .because(one_line(&format!("expected `{}`, found `{}`", check.expect, answer.trim())))
        .cure(check.cure.clone())
        .into())
}

/// Asks until the expected answer comes, or it times out.
pub fn wait(wait: &Wait, secrets: &Secrets, interrupt: &Interrupt) -> Result<()> {
    let begun = Instant::now();

    loop {
        let last = match child::command(&wait.cmd, secrets, interrupt) {
            Ok(answer) if answer.trim() == wait.until => return Ok(()),
            Ok(answer) => format!("it answers `{}`", answer.trim()),
            Err(e) => e.to_string(),
        };

        if begun.elapsed() >= Duration::from_secs(wait.limit) || interrupt.hit() {
            let mut problem = Problem::failed(format!(
                "waited {} s for {}",
                begun.elapsed().as_secs(),
                wait.what
            ))
            .code(Code::TimedOut)
            .because(last);

            if let Some(of) = &wait.last_words {
                problem = problem.because(last_words(of, secrets));
            }

            return Err(problem.into());
        }

        std::thread::sleep(Duration::from_millis(200));
    }
}

fn empty_file(path: &Path) -> Result<()> {
    let mut options = fs::OpenOptions::new();
    super::state::without_links(options.create(true).append(true));
    let made = options.open(path);
    made.map(drop).map_err(|e| {
        Problem::failed(format!("could not make `{}`", path.display()))
            .code(Code::FileError)
            .because(e.to_string())
            .into()
    })
}
