//! What went wrong, in three parts: what was tried, what happened, what to do next.

use std::fmt;

/// Exit codes, documented in the README and never renumbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The work is done.
    Done = 0,
    /// The work was tried and failed; live data is as it was.
    Failed = 1,
    /// The command line or `db-tasks.toml` is wrong.
    Usage = 2,
    /// A guard refused.
    Refused = 3,
    /// The person said no.
    Declined = 4,
    /// Another run holds the project's lock.
    Locked = 5,
    /// The work is done, and what was to follow it (an after-hook) failed.
    FinishedBut = 6,
    /// SIGINT or SIGTERM.
    Interrupted = 130,
}

impl Exit {
    /// The exit code that an error ends in.
    pub fn of(error: &anyhow::Error) -> Self {
        error.downcast_ref::<Problem>().map_or(Self::Failed, |p| p.exit)
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error a person can act on. It travels inside `anyhow::Error`; `app` finds it again and maps it to its exit code.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The exit code this ends in.
    pub exit: Exit,
    /// What was tried, or the whole sentence where nothing was.
    pub tried: String,
    /// What happened: the child's last lines, a position in a file.
    pub happened: Vec<String>,
    /// What to do next.
    pub cure: Option<String>,
    /// What is to blame.
    pub about: About,
    /// The SQLSTATE of a server's error.
    pub state: Option<String>,
}

/// What is to blame for a problem: a server that went away makes no backup bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum About {
    /// The run: the server, the machine, the request.
    #[default]
    Run,
    /// The backup that was read.
    Backup,
}

impl Problem {
    /// A problem that ends in `exit`.
    pub fn new(exit: Exit, tried: impl Into<String>) -> Self {
        Self { exit, tried: tried.into(), happened: Vec::new(), cure: None, about: About::Run, state: None }
    }

    /// The work failed.
    pub fn failed(tried: impl Into<String>) -> Self {
        Self::new(Exit::Failed, tried)
    }

    /// The command line or the configuration is wrong.
    pub fn usage(tried: impl Into<String>) -> Self {
        Self::new(Exit::Usage, tried)
    }

    /// A guard says no.
    pub fn refused(tried: impl Into<String>) -> Self {
        Self::new(Exit::Refused, tried)
    }

    /// Adds what happened, line by line.
    pub fn because(mut self, what: impl AsRef<str>) -> Self {
        self.happened.extend(what.as_ref().lines().map(str::trim_end).filter(|l| !l.is_empty()).map(String::from));
        self
    }

    /// Blames the backup.
    pub fn of_backup(mut self) -> Self {
        self.about = About::Backup;
        self
    }

    /// The same with every text changed.
    pub fn map(self, change: impl Fn(&str) -> String) -> Self {
        Self {
            tried: change(&self.tried),
            happened: self.happened.iter().map(|line| change(line)).collect(),
            cure: self.cure.map(|cure| change(&cure)),
            ..self
        }
    }

    /// Says what to do next.
    pub fn cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = Some(cure.into());
        self
    }

    /// Whether it is how a command of ours ended; what that said is what happened.
    pub fn is_of_command(&self) -> bool {
        self.tried.starts_with('`') && self.tried.contains(ENDED)
    }

    /// Says what else may be done, behind what was said before.
    pub fn also(self, more: impl Into<String>) -> Self {
        let more = more.into();
        let cure = self.cure.as_ref().map(|cure| format!("{cure}; {more}")).unwrap_or(more);
        self.cure(cure)
    }
}

/// What stands between a command and how it ended.
pub const ENDED: &str = "` ended with ";

/// One line of at most so many characters; the dry run shows the whole.
pub fn shorten(text: &str, most: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= most { line } else { line.chars().take(most.saturating_sub(1)).chain(['…']).collect() }
}

/// A sentence has one line: a name in it may have a line break of its own, which would begin a line that nobody has written.
pub fn one_line(sentence: &str) -> String {
    sentence.replace('\n', r"\n")
}

/// The first line of an error, which is its cause.
pub fn first_line(error: &anyhow::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tried = one_line(&self.tried);
        match self.happened.split_first() {
            // a program's own word is the cause; how it was run is for whoever reads on
            Some((cause, rest)) if self.is_of_command() => {
                write!(f, "{}", cause.trim_start())?;
                rest.iter().chain([&tried]).try_for_each(|line| write!(f, "\n  {line}"))?;
            }
            _ => {
                write!(f, "{tried}")?;
                self.happened.iter().try_for_each(|line| write!(f, "\n  {line}"))?;
            }
        }
        if let Some(cure) = &self.cure {
            write!(f, "\n  next: {}", one_line(cure))?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}
