//! A command as a value: what a plan holds, a dry run prints and a door runs.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config::hooks::Run;
use crate::config::{HIDDEN, SecretName};
use crate::problem::Status;

/// A program, its arguments, what it gets in its environment and on standard input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cmd {
    /// Name or path of the program.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables it gets in addition to ours.
    pub env: Vec<(String, Value)>,
    /// What it reads, if that is a text of ours (SQL).
    pub input: Option<String>,
    /// Where it runs, if not where we do.
    #[serde(default)]
    pub dir: Option<PathBuf>,
}

/// Variables that make libpq connect elsewhere, or behave differently, than the project says.
/// `config` has read those that count: a leftover of another project, such as `PGHOSTADDR`, would
/// lead past the guards to a server that nobody named.
/// <https://www.postgresql.org/docs/current/libpq-envars.html>
const STEERING: [&str; 12] = [
    "PGHOST",
    "PGHOSTADDR",
    "PGPORT",
    "PGDATABASE",
    "PGUSER",
    "PGSERVICE",
    "PGOPTIONS",
    "PGCLIENTENCODING",
    "PGDATESTYLE",
    "PGTZ",
    "PGTARGETSESSIONATTRS",
    "PGLOADBALANCEHOSTS",
];

/// A variable's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// Anybody may read it.
    Plain(String),
    /// Filled in at the door.
    Secret(SecretName),
}

impl Cmd {
    /// A command without arguments.
    pub fn new(program: impl Into<String>) -> Self {
        Self { program: program.into(), args: Vec::new(), env: Vec::new(), input: None, dir: None }
    }

    /// Adds an argument.
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    pub fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Adds a variable.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((name.into(), Value::Plain(value.into())));
        self
    }

    /// Adds a variable that holds a secret.
    pub fn secret(mut self, name: impl Into<String>, secret: SecretName) -> Self {
        self.env.push((name.into(), Value::Secret(secret)));
        self
    }

    /// Our variables that it must not see: it gets them from the plan or not at all.
    pub fn not_inherited(&self) -> impl Iterator<Item = &'static str> {
        STEERING.into_iter().filter(|steering| self.env.iter().all(|(name, _)| name != steering))
    }

    /// Says where it runs.
    pub fn dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.dir = Some(folder.into());
        self
    }

    /// Says what it reads.
    pub fn input(mut self, text: impl Into<String>) -> Self {
        self.input = Some(text.into());
        self
    }
}

/// A program of the project's own.
impl From<&Run> for Cmd {
    fn from(run: &Run) -> Self {
        match run {
            Run::Argv(words) => Self::new(words.first().map_or("", String::as_str))
                .args(words.iter().skip(1).cloned()),
            Run::Shell(line) => Self::new("sh").args(["-c", line]),
        }
    }
}

/// How a command ended badly, and what it said: who knows the program knows what that means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The command as it is shown, without its variables.
    pub shown: String,
    /// How it ended.
    pub status: Status,
    /// Its standard error, without what is secret.
    pub said: String,
}

/// What encloses a secret value in SQL: comments, which no server uses itself.
pub const UNSHOWN: [&str; 2] = ["/*not shown*/", "/*to here*/"];

/// SQL as it is shown.
pub fn shown_sql(sql: &str) -> String {
    let mut parts = sql.split(UNSHOWN[0]);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, part| {
        let after = part.split_once(UNSHOWN[1]).map_or("", |(_, after)| after);
        format!("{out}{HIDDEN}{after}")
    })
}

/// The secret values in SQL: a server may repeat them.
pub fn unshown(sql: &str) -> Vec<String> {
    let literals = sql.split(UNSHOWN[0]).skip(1).filter_map(|part| part.split_once(UNSHOWN[1]));
    let bare = |(literal, _): (&str, &str)| {
        literal.trim_start_matches('E').trim_matches('\'').replace("''", "'").replace(r"\\", r"\")
    };
    literals.map(bare).filter(|value| value.len() >= 4).collect()
}

/// The output of a program, or a file's contents, as text. What is not UTF-8 (from a database of
/// another encoding) is shown by its bytes, so that two names stay different.
pub fn readable(bytes: &[u8]) -> String {
    bytes.utf8_chunks().fold(String::with_capacity(bytes.len()), |mut text, chunk| {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
        text
    })
}

/// As you would type it in a shell, with names instead of secrets.
impl fmt::Display for Cmd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.env {
            match value {
                Value::Plain(text) => write!(f, "{name}={} ", quoted(text))?,
                Value::Secret(secret) => write!(f, "{name}=<{secret}> ")?,
            }
        }
        write!(f, "{}", quoted(&self.program))?;
        self.args.iter().try_for_each(|arg| write!(f, " {}", quoted(arg)))
    }
}

/// A word quoted for a POSIX shell.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_to_be_shown_is_cut_out_of_sql() {
        let sql = format!(
            "SET a TO {}'it''s x'{};\nSET b TO {}E'\\\\y'{}, 'c';\n",
            UNSHOWN[0], UNSHOWN[1], UNSHOWN[0], UNSHOWN[1]
        );
        assert_eq!(shown_sql(&sql), "SET a TO ***;\nSET b TO ***, 'c';\n");
        assert_eq!(unshown(&sql), ["it's x"]);
        assert_eq!(shown_sql("SELECT 1"), "SELECT 1");
    }

    #[test]
    fn reads_like_a_shell_line_and_hides_secrets() {
        let cmd = Cmd::new("psql")
            .args(["-d", "my db", "it's"])
            .env("PGAPPNAME", "x")
            .secret("PGPASSWORD", SecretName("$PW".into()));
        assert_eq!(cmd.to_string(), r"PGAPPNAME=x PGPASSWORD=<$PW> psql -d 'my db' 'it'\''s'");
    }
}
