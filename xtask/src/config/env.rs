//! The environment as one value: the process's own variables over those of `.env`, and `${…}`
//! expansion.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::dotenv::{self, Dotenv, Unreadable};
use crate::problem::{Code, Problem};

/// Variables by name. The real environment wins over `.env`.
#[derive(Debug, Clone, Default)]
pub struct Env {
    vars: BTreeMap<String, String>,
    /// Those that only `.env` has.
    of_dotenv: BTreeSet<String>,
    /// The repository whose programs must not run unless it is trusted.
    pub(super) wary_of: Option<PathBuf>,
    /// What `.env` says, if it is read.
    dotenv: Dotenv,
    /// What files say that other programs export: make, direnv, just, or a shell that sources one.
    exported: Vec<(&'static str, Dotenv)>,
}

/// Files next to `db-tasks.toml` that other programs put into the environment.
const EXPORTED: [&str; 3] = [".env", ".env.local", ".envrc"];

impl Env {
    /// Only these variables: for tests, and for adopters with their own.
    pub fn of<const N: usize>(pairs: [(&str, &str); N]) -> Self {
        Self {
            vars: pairs.into_iter().map(|(k, v)| (k.into(), v.into())).collect(),
            ..Self::default()
        }
    }

    /// The process's environment. Values that are not UTF-8 cannot be settings of ours and are left
    /// out.
    pub fn of_process() -> Self {
        let text = |(k, v): (std::ffi::OsString, std::ffi::OsString)| {
            Some((k.into_string().ok()?, v.into_string().ok()?))
        };
        Self { vars: std::env::vars_os().filter_map(text).collect(), ..Self::default() }
    }

    /// Adds what `.env` in `folder` says and the real environment does not.
    pub fn with_dotenv(mut self, folder: &Path) -> Result<Self> {
        let path = folder.join(".env");
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(self),
            Err(e) => {
                return Err(Problem::usage(format!("could not read `{}`", path.display()))
                    .code(Code::Config)
                    .because(e.to_string())
                    .cure("fix that, or run with `--no-dotenv`")
                    .into());
            }
        };

        let found = self.read(&bytes);
        for (name, value) in found
            .values
            .iter()
            .filter(|(name, _)| !self.vars.contains_key(*name))
            .collect::<Vec<_>>()
        {
            self.of_dotenv.insert(name.clone());
            self.vars.insert(name.clone(), value.clone());
        }

        self.dotenv = found;
        Ok(self)
    }

    /// Looks at the files next to `db-tasks.toml` that other programs export, for [`Self::held`];
    /// `--no-dotenv` changes nothing here.
    pub fn beside(mut self, folder: &Path) -> Self {
        let files = EXPORTED
            .into_iter()
            .filter_map(|name| Some((name, std::fs::read(folder.join(name)).ok()?)));
        self.exported = files.map(|(name, bytes)| (name, self.read(&bytes))).collect();
        self
    }

    fn read(&self, bytes: &[u8]) -> Dotenv {
        dotenv::read(bytes, &|name| self.vars.get(name).cloned())
    }

    /// The file next to `db-tasks.toml` that holds this value of a variable, whoever exported it.
    pub fn held(&self, name: &str, value: &str) -> Option<&'static str> {
        let holds = |file: &Dotenv| file.values.get(name).is_some_and(|held| held == value);
        self.exported.iter().find(|(_, file)| holds(file)).map(|(name, _)| *name)
    }

    /// Your own variables whose values are in this one: itself, or those that a file next to
    /// `db-tasks.toml` put into it.
    pub fn lenders(&self, name: &str) -> BTreeSet<String> {
        if self.given(name).is_some_and(|value| self.held(name, value).is_none()) {
            return BTreeSet::from([name.to_owned()]);
        }
        let files = self.exported.iter().map(|(_, file)| file).chain([&self.dotenv]);
        let borrowed = files.filter_map(|file| file.borrowed.get(name)).flatten();
        borrowed.filter(|borrowed| self.given(borrowed).is_some()).cloned().collect()
    }

    /// Warnings about `.env`.
    pub fn notes(&self) -> Vec<String> {
        let unreadable = self.dotenv.unreadable.iter();
        let unreadable = unreadable
            .map(|(key, u)| format!("line {} (`{key}`) can't be read: {}", u.line, u.why));
        self.dotenv.notes.iter().cloned().chain(unreadable).collect()
    }

    /// The variable's value, if something is decided by it.
    ///
    /// # Errors
    /// It is set only in a line of `.env` that can't be read.
    pub fn needed(&self, name: &str) -> Result<Option<&str>, Broken> {
        match self.dotenv.unreadable.get(name).filter(|_| !self.is_set(name)) {
            Some(line) => Err(Broken { name: name.into(), line: line.clone() }),
            None => Ok(self.get(name)),
        }
    }

    /// All of them.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.vars.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether there is such a variable, even an empty one.
    pub fn is_set(&self, name: &str) -> bool {
        self.vars.contains_key(name)
    }

    /// The variable's value; an empty one counts as not set, as in the shell's `${VAR:-…}`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }

    /// The variable's value for this one run: a file can't give consent.
    pub fn given(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|_| !self.of_dotenv.contains(name))
    }

    /// The same variables, each with its name as its value: what is shown instead of the value.
    pub fn by_name(&self) -> Self {
        let named = |(name, value): (&String, &String)| {
            let shown = if value.is_empty() { String::new() } else { format!("<${name}>") };
            (name.clone(), shown)
        };
        Self { vars: self.vars.iter().map(named).collect(), ..self.clone() }
    }

    /// The first of these that is set, with its name.
    ///
    /// # Errors
    /// One before it is set in a line of `.env` that can't be read.
    pub fn first<'a>(&self, names: &[&'a str]) -> Result<Option<(&'a str, &str)>, Broken> {
        let found = names.iter().map(|name| Ok(self.needed(name)?.map(|value| (*name, value))));
        found.filter_map(Result::transpose).next().transpose()
    }

    /// Variables other than DATABASE_URL that hold addresses of PostgreSQL databases.
    pub fn addresses(&self) -> Vec<String> {
        let is_address = |value: &str| super::url::parse(value).is_ok();
        let found =
            self.vars.iter().filter(|(name, value)| *name != "DATABASE_URL" && is_address(value));
        found.map(|(name, _)| name.clone()).collect()
    }

    /// Whether the variable says yes (`1`, `true`, `yes`, `on`).
    pub fn says_yes(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|v| matches!(v.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on"))
    }

    /// Replaces `${VAR}`, `${VAR:-default}` and `${VAR:?message}`; `$$` stands for one `$`.
    ///
    /// # Errors
    /// The name of the variable that is missing, with the message the file gives for it.
    pub fn expand(&self, text: &str) -> Result<Expanded, Missing> {
        let mut out = Expanded::default();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.text.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('$') {
                out.text.push('$');
                rest = after;
            } else if let Some((inner, after)) =
                rest.strip_prefix('{').and_then(|r| r.split_once('}'))
            {
                self.expand_one(inner, &mut out)?;
                rest = after;
            } else {
                out.text.push('$');
            }
        }

        out.text.push_str(rest);
        Ok(out)
    }

    fn expand_one(&self, inner: &str, out: &mut Expanded) -> Result<(), Missing> {
        let (name, otherwise) = match inner.split_once(':') {
            Some((name, rest)) => (name, Some(rest)),
            None => (inner, None),
        };
        let missing =
            |message: &str, broken| Missing { name: name.into(), message: message.into(), broken };

        if let Some(value) = self.needed(name).map_err(|broken| missing("", Some(broken)))? {
            out.text.push_str(value);
            out.from.push(name.to_owned());
            return Ok(());
        }

        match otherwise {
            Some(rest) if rest.starts_with('-') => out.text.push_str(&rest[1..]),
            Some(rest) if rest.starts_with('?') => return Err(missing(&rest[1..], None)),
            _ => return Err(missing("", None)),
        }

        Ok(())
    }
}

/// An expanded value and the variables it came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expanded {
    /// The value.
    pub text: String,
    /// The variables whose values are in it.
    pub from: Vec<String>,
}

/// A variable that a value needs and nobody set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The variable.
    pub name: String,
    /// What the file says about it (`${VAR:?message}`), or nothing.
    pub message: String,
    /// The line of `.env` that sets it, if that can't be read.
    pub broken: Option<Broken>,
}

/// A variable that is needed, and is set in a line of `.env` that can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The variable.
    pub name: String,
    /// The line.
    pub line: Unreadable,
}

impl From<Broken> for Problem {
    fn from(broken: Broken) -> Self {
        let Broken { name, line } = broken;
        Self::usage(format!("line {} of `.env`, which sets `{name}`, can't be read", line.line))
            .because(line.why)
            .cure(
                "put the value in single quotation marks, on one line, or set it in the \
                 environment; `--no-dotenv` ignores `.env`",
            )
    }
}

impl From<Broken> for anyhow::Error {
    fn from(broken: Broken) -> Self {
        Problem::from(broken).into()
    }
}

#[cfg(test)]
mod tests;
