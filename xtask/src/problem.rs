//! What went wrong, in four parts: what was tried, what state the data is in, what happened, what
//! to do next.

mod code;

use std::fmt;

pub use self::code::{CODES, Code};

/// Exit codes, documented in docs/commands and never renumbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The work is done.
    Done = 0,
    /// The work was tried and failed.
    Failed = 1,
    /// The command line or `db-tasks.toml` is wrong.
    Usage = 2,
    /// A guard refused.
    Refused = 3,
    /// The person said no.
    Declined = 4,
    /// Another run holds the project's lock.
    Locked = 5,
    /// The work is done, but what follows it (an after-hook, a removal of an old backup) failed.
    FinishedBut = 6,
    /// The backup is made, but holds fewer records than the ratchet wants.
    Shrunken = 7,
    /// SIGINT or SIGTERM.
    Interrupted = 130,
}

impl Exit {
    /// Each of them.
    pub const ALL: [Self; 9] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::Refused,
        Self::Declined,
        Self::Locked,
        Self::FinishedBut,
        Self::Shrunken,
        Self::Interrupted,
    ];

    /// Its word, for programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Refused => "refused",
            Self::Declined => "declined",
            Self::Locked => "locked",
            Self::FinishedBut => "finished-but",
            Self::Shrunken => "shrunken",
            Self::Interrupted => "interrupted",
        }
    }

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

/// An error a person can act on. It travels inside `anyhow::Error`; `app` finds it again and maps
/// it to its exit code.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The exit code this ends in.
    pub exit: Exit,
    /// What kind of problem it is, for programs.
    pub code: Code,
    /// What was tried, or the whole sentence if nothing was.
    pub tried: String,
    /// What happened: the child's last lines, a position in a file.
    pub happened: Vec<String>,
    /// What to do next.
    pub cure: Option<String>,
    /// What is to blame.
    pub about: About,
    /// The SQLSTATE of a server's error.
    pub state: Option<Box<str>>,
    /// What happened to the transaction that it occurred in.
    pub fate: Fate,
    /// How the command ended that failed. What it said is what happened, and comes first.
    pub ended: Option<Status>,
    /// What state the data is in.
    pub stands: Option<Box<str>>,
}

/// How a command ended that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// By itself, with this exit code.
    Code(i32),
    /// By a signal: most likely we sent it.
    Signal,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal => f.write_str("a signal"),
        }
    }
}

/// What happened to a transaction that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fate {
    /// Unknown: the connection was lost or the session was terminated, and its COMMIT may have been
    /// on its way.
    #[default]
    Unknown,
    /// Nothing was committed.
    RolledBack,
    /// Some of it may be committed: something ended it early.
    Cut,
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
        let (happened, cure, about, state, fate, ended, stands) = Default::default();
        let code = Code::of(exit);
        Self { exit, code, tried: tried.into(), happened, cure, about, state, fate, ended, stands }
    }

    /// A command failed; it is shown as given.
    pub fn of_command(shown: &str, ended: Status) -> Self {
        let failed = Self::failed(format!("`{shown}` ended with {ended}"));
        Self { ended: Some(ended), ..failed.code(Code::ProgramFailed) }
    }

    /// An error as a problem: its own, or one that says no more than its causes.
    pub fn of(error: anyhow::Error) -> Self {
        error.downcast().unwrap_or_else(|e| Self::failed(format!("{e:#}")))
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

    /// What another program said is the cause, in its own words; what it was asked for comes after.
    pub fn said(words: &str, asked: impl Into<String>) -> Self {
        let mut lines = words.lines().filter(|line| !line.trim().is_empty());
        let asked = asked.into();
        let Some(cause) = lines.next() else {
            let failed = Self::failed(asked).because("it ended without a word");
            return failed.code(Code::ProgramFailed);
        };

        Self::failed(cause.trim())
            .code(Code::ProgramFailed)
            .because(lines.collect::<Vec<_>>().join("\n"))
            .because(asked)
    }

    /// Says what kind of problem it is.
    pub fn code(self, code: Code) -> Self {
        Self { code, ..self }
    }

    /// Adds what happened, line by line.
    pub fn because(mut self, what: impl AsRef<str>) -> Self {
        self.happened.extend(
            what.as_ref().lines().map(str::trim_end).filter(|l| !l.is_empty()).map(String::from),
        );
        self
    }

    /// Blames the backup. If nothing else is said of it, it is damaged.
    pub fn of_backup(mut self) -> Self {
        self.about = About::Backup;
        match self.code {
            Code::Failed | Code::FileError | Code::ProgramFailed => self.code(Code::BackupDamaged),
            _ => self,
        }
    }

    /// The same with every text changed.
    pub fn map(self, change: impl Fn(&str) -> String) -> Self {
        Self {
            tried: change(&self.tried),
            happened: self.happened.iter().map(|line| change(line)).collect(),
            cure: self.cure.map(|cure| change(&cure)),
            stands: self.stands.map(|stands| change(&stands).into()),
            ..self
        }
    }

    /// Says what to do next.
    pub fn cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = Some(cure.into());
        self
    }

    /// Nothing was committed, unless it says otherwise itself.
    pub fn rolled_back(mut self) -> Self {
        if self.fate == Fate::Unknown {
            self.fate = Fate::RolledBack;
        }
        self
    }

    /// The same, told in other words.
    pub fn told_as(self, tried: impl Into<String>) -> Self {
        Self { tried: tried.into(), ended: None, ..self }
    }

    /// Adds another thing to do, after those said before.
    pub fn also(self, more: impl Into<String>) -> Self {
        let more = more.into();
        let cure = self.cure.as_ref().map(|cure| format!("{cure}; {more}")).unwrap_or(more);
        self.cure(cure)
    }
}

/// The same error of which nothing was committed.
pub fn rolled_back(error: anyhow::Error) -> anyhow::Error {
    Problem::of(error).rolled_back().into()
}

/// One line of at most this many characters; the dry run shows all.
pub fn shorten(text: &str, most: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= most {
        line
    } else {
        line.chars().take(most.saturating_sub(1)).chain(['…']).collect()
    }
}

/// A sentence has one line: a line break in a name would begin a line that nobody wrote.
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
        let stands: Vec<String> = self.stands.iter().map(|stands| one_line(stands)).collect();

        match self.happened.split_first() {
            // a program's own words are the cause; how it was run comes after
            Some((cause, rest)) if self.ended.is_some() => {
                write!(f, "{}", cause.trim_start())?;
                stands
                    .iter()
                    .chain(rest)
                    .chain([&tried])
                    .try_for_each(|line| write!(f, "\n  {line}"))?;
            }
            _ => {
                write!(f, "{tried}")?;
                stands.iter().chain(&self.happened).try_for_each(|line| write!(f, "\n  {line}"))?;
            }
        }

        if let Some(cure) = &self.cure {
            write!(f, "\n  next: {}", one_line(cure))?;
        }

        Ok(())
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_said_comes_first() {
        let down = "connection to server at \"h\", port 1 failed: Connection \
                    refused\n\tIs the server running on that host?\n";
        assert_eq!(
            Problem::said(down, "could not ask `app`").cure("start it").to_string(),
            "connection to server at \"h\", port 1 failed: Connection refused\n  \tIs the server \
             running on that host?\n  could not ask `app`\n  next: start it"
        );

        assert_eq!(
            Problem::said("\n", "could not ask `app`").to_string(),
            "could not ask `app`\n  it ended without a word"
        );
    }

    #[test]
    fn what_state_the_data_is_in_stands_behind_the_cause() {
        let stands = Some("the live data is as it was".into());
        let ours =
            Problem { stands, ..Problem::failed("no room").because("1 MB left").cure("make room") };
        assert_eq!(
            ours.to_string(),
            "no room\n  the live data is as it was\n  1 MB left\n  next: make room"
        );

        let of_command = Problem {
            stands: ours.stands.clone(),
            ..Problem::of_command("psql", Status::Code(3)).because("ERROR:  no\nDETAIL:  x")
        };
        assert_eq!(
            of_command.to_string(),
            "ERROR:  no\n  the live data is as it was\n  DETAIL:  x\n  `psql` ended with exit \
             code 3"
        );
    }
}
