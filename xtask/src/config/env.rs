//! The environment as one value: the process's own variables over those of `.env`, and `${…}` expansion.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::problem::Problem;

/// Variables by name. The real environment wins over `.env`.
#[derive(Debug, Clone, Default)]
pub struct Env {
    vars: BTreeMap<String, String>,
    /// Those that only `.env` has.
    of_dotenv: BTreeSet<String>,
    /// The repository whose programs are not to be run unasked.
    pub(super) wary_of: Option<PathBuf>,
}

impl Env {
    /// Only these variables: for tests, and for adopters who hold their own.
    pub fn of<const N: usize>(pairs: [(&str, &str); N]) -> Self {
        Self { vars: pairs.into_iter().map(|(k, v)| (k.into(), v.into())).collect(), ..Self::default() }
    }

    /// The process's environment. Values that are not UTF-8 cannot be settings of ours and are left out.
    pub fn of_process() -> Self {
        let text = |(k, v): (std::ffi::OsString, std::ffi::OsString)| Some((k.into_string().ok()?, v.into_string().ok()?));
        Self { vars: std::env::vars_os().filter_map(text).collect(), ..Self::default() }
    }

    /// Adds what `.env` in `folder` says and the real environment does not.
    pub fn with_dotenv(mut self, folder: &Path) -> Result<Self> {
        let path = folder.join(".env");
        let lines = match dotenvy::from_path_iter(&path) {
            Ok(lines) => lines,
            Err(dotenvy::Error::Io(e)) if e.kind() == std::io::ErrorKind::NotFound => return Ok(self),
            Err(e) => return Err(unreadable(&path, &e).into()),
        };
        for line in lines {
            let (name, value) = line.map_err(|e| unreadable(&path, &e))?;
            if !self.vars.contains_key(&name) {
                self.of_dotenv.insert(name.clone());
                self.vars.insert(name, value);
            }
        }
        Ok(self)
    }

    /// The variable's value; an empty one counts as not set, as in the shell's `${VAR:-…}`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }

    /// The variable's value for this very run: what a file says once and for all is no consent.
    pub fn given(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|_| !self.of_dotenv.contains(name))
    }

    /// The same variables, each with its name for a value: what is shown in place of what is meant.
    pub fn by_name(&self) -> Self {
        let named = |(name, value): (&String, &String)| {
            let shown = if value.is_empty() { String::new() } else { format!("<${name}>") };
            (name.clone(), shown)
        };
        Self { vars: self.vars.iter().map(named).collect(), ..self.clone() }
    }

    /// The first of these that is set, with its name.
    pub fn first<'a>(&self, names: &[&'a str]) -> Option<(&'a str, &str)> {
        names.iter().find_map(|name| self.get(name).map(|value| (*name, value)))
    }

    /// Whether the variable says yes (`1`, `true`, `yes`, `on`).
    pub fn says_yes(&self, name: &str) -> bool {
        self.get(name).is_some_and(|v| matches!(v.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on"))
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
            } else if let Some((inner, after)) = rest.strip_prefix('{').and_then(|r| r.split_once('}')) {
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
        if let Some(value) = self.get(name) {
            out.text.push_str(value);
            out.from.push(name.to_owned());
            return Ok(());
        }
        match otherwise {
            Some(rest) if rest.starts_with('-') => out.text.push_str(&rest[1..]),
            Some(rest) if rest.starts_with('?') => return Err(Missing { name: name.into(), message: rest[1..].into() }),
            _ => return Err(Missing { name: name.into(), message: String::new() }),
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
}

fn unreadable(path: &Path, error: &dotenvy::Error) -> Problem {
    // dotenvy's own text quotes the whole line, which may be a password
    let happened = match error {
        dotenvy::Error::LineParse(_, at) => format!("a line can't be parsed at its character {}", at + 1),
        other => other.to_string(),
    };
    Problem::usage(format!("could not read `{}`", path.display()))
        .because(happened)
        .cure("quote values that hold spaces or `#`, or run with `--no-dotenv`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expands_every_form() {
        let env = Env::of([("A", "1"), ("EMPTY", "")]);
        for (text, want) in [
            ("plain", Ok("plain")),
            ("x${A}y", Ok("x1y")),
            ("${B:-two}", Ok("two")),
            ("${EMPTY:-d}", Ok("d")),
            ("${A:-two}${A}", Ok("11")),
            ("cost $$5 and $6", Ok("cost $5 and $6")),
            ("${B:-}", Ok("")),
            ("${B}", Err("B")),
            ("${B:?set B in .env}", Err("B")),
        ] {
            let got = env.expand(text);
            assert_eq!(got.as_ref().map(|e| e.text.as_str()).map_err(|m| m.name.as_str()), want, "{text}");
        }
    }

    #[test]
    fn remembers_where_a_value_came_from() {
        let env = Env::of([("HOST", "h")]);
        assert_eq!(env.expand("${HOST}:${PORT:-5432}").unwrap().from, ["HOST"]);
    }
}
