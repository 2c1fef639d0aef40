//! Reads `.env` as today's libraries do: docker compose, node's dotenv with dotenv-expand,
//! python-dotenv. Where they agree, we agree. Where they differ, a line that nobody needs is no
//! error, and one that is needed is reported with its number.
//! <https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/#env-file-syntax>
//! <https://github.com/motdotla/dotenv#what-rules-does-the-parsing-engine-follow>

mod text;

use std::collections::{BTreeMap, BTreeSet};

use self::text::Text;

/// What a file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dotenv {
    /// By key: the last of several equal ones.
    pub values: BTreeMap<String, String>,
    /// By key: what can't be read.
    pub unreadable: BTreeMap<String, Unreadable>,
    /// By key: the variables of the environment that were put into its value.
    pub borrowed: BTreeMap<String, BTreeSet<String>>,
    /// Warnings about lines that can be read; none of them holds a value.
    pub notes: Vec<String>,
}

/// A line that can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong with it, without its value: it may be a password.
    pub why: String,
}

/// Reads a file's bytes; `known` is the real environment, which wins if a value refers to a
/// variable.
pub fn read(bytes: &[u8], known: &dyn Fn(&str) -> Option<String>) -> Dotenv {
    let text = Text::new(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
    let mut reader = Reader {
        text,
        known,
        found: Dotenv::default(),
        lines: BTreeMap::new(),
        borrows: BTreeSet::new(),
    };

    while reader.entry() {}
    reader.doubles();

    reader.found
}

/// A value as it is written, before others are put into it.
enum Raw {
    /// As it stands.
    Literal(String),
    /// With escapes and `$`.
    Quoted(String),
    /// With `$`.
    Bare(String),
}

/// What a backslash is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Backslash {
    /// The beginning of an escape.
    Escape,
    /// Itself.
    Plain,
}

struct Reader<'a> {
    text: Text,
    known: &'a dyn Fn(&str) -> Option<String>,
    found: Dotenv,
    /// The lines of each key.
    lines: BTreeMap<String, Vec<usize>>,
    /// The environment's variables in the current value.
    borrows: BTreeSet<String>,
}

impl Reader<'_> {
    /// Reads one entry; `false` at the end.
    fn entry(&mut self) -> bool {
        self.text.take_while(char::is_whitespace);
        let (line, begun) = (self.text.line, self.text.at);
        let Some(first) = self.text.peek() else { return false };

        if first == '#' {
            self.text.rest();
            return true;
        }

        let mut key = self.text.take_while(is_of_key);
        let mut blank = self.text.take_while(is_blank);
        if key == "export" && !blank.is_empty() && self.text.peek().is_some_and(is_of_key) {
            key = self.text.take_while(is_of_key);
            blank = self.text.take_while(is_blank);
        }

        let value = match self.text.peek() {
            Some('=') => Some(self.value(line)),
            // `KEY: value`, as in YAML
            Some(':')
                if blank.is_empty()
                    && self.text.chars.get(self.text.at + 1).is_some_and(|c| is_blank(*c)) =>
            {
                Some(self.value(line))
            }
            // only a name sets nothing
            None | Some('\n' | '\r' | '#') => {
                self.text.rest();
                return true;
            }
            _ => {
                self.text.rest();
                Some(Err("there is no `=` after its name".into()))
            }
        };

        if let (false, Some(value)) = (key.is_empty(), value) {
            let whole = self.text.broken.range(begun..self.text.at).next().is_none();
            let value = value
                .and_then(|value| if whole { Ok(value) } else { Err("it is not UTF-8".into()) });
            self.keep(key, line, value);
        }

        true
    }

    fn value(&mut self, line: usize) -> Result<String, String> {
        self.text.next();
        self.text.take_while(is_blank);
        self.borrows.clear();
        match self.raw()? {
            Raw::Literal(text) => Ok(text),
            Raw::Quoted(text) => self.expand(&text, Backslash::Escape, line),
            Raw::Bare(text) => self.expand(&text, Backslash::Plain, line),
        }
    }

    fn raw(&mut self) -> Result<Raw, String> {
        let Some(quote) = self.text.peek().filter(|c| matches!(c, '"' | '\'')) else {
            let rest = self.text.rest();
            return Ok(Raw::Bare(without_comment(&rest).trim().to_owned()));
        };
        let begun = (self.text.at, self.text.line);
        self.text.next();

        let inside = self.until(quote);
        let lines = self.text.line - begun.1;
        let behind = without_comment(&format!(" {}", self.text.rest())).trim().to_owned();

        let inside = match inside {
            Some(inside) if behind.is_empty() => inside,
            Some(_) if lines == 0 => {
                return Err(format!("something follows its closing quotation mark {quote}"));
            }
            // what follows is lines of their own, one of which has the next quotation mark
            _ => {
                (self.text.at, self.text.line) = begun;
                self.text.rest();
                return Err(format!("its quotation mark {quote} is not closed"));
            }
        };
        Ok(if quote == '"' { Raw::Quoted(inside) } else { Raw::Literal(inside) })
    }

    /// What is before the closing quotation mark; it may be several lines.
    fn until(&mut self, quote: char) -> Option<String> {
        let mut inside = String::new();
        loop {
            match self.text.next()? {
                c if c == quote => return Some(inside.replace("\r\n", "\n")),
                '\\' if quote == '"' => {
                    inside.push('\\');
                    inside.push(self.text.next()?);
                }
                c => inside.push(c),
            }
        }
    }

    fn keep(&mut self, key: String, line: usize, value: Result<String, String>) {
        self.lines.entry(key.clone()).or_default().push(line);
        // the last one counts, readable or not
        self.found.values.remove(&key);
        self.found.unreadable.remove(&key);

        let borrows = std::mem::take(&mut self.borrows);
        self.found.borrowed.remove(&key);
        match value {
            Ok(value) => {
                self.found.values.insert(key.clone(), value);
                if !borrows.is_empty() {
                    self.found.borrowed.insert(key, borrows);
                }
            }
            Err(why) => drop(self.found.unreadable.insert(key, Unreadable { line, why })),
        }
    }

    fn doubles(&mut self) {
        for (key, lines) in self.lines.iter().filter(|(_, lines)| lines.len() > 1) {
            let shown: Vec<String> = lines.iter().map(ToString::to_string).collect();
            let last = lines.last().copied().unwrap_or_default();
            self.found.notes.push(format!(
                "`{key}` is set in lines {}: the last one counts, line {last}",
                shown.join(", ")
            ));
        }
    }

    /// Puts other variables in: `$NAME`, `${NAME}`, and with `:-`, `-`, `:+`, `+`, `:?`, `?` as a
    /// shell has them; `$$` is one `$`.
    fn expand(&mut self, text: &str, backslash: Backslash, line: usize) -> Result<String, String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            match c {
                '\\' if backslash == Backslash::Escape => rest = unescape(rest, &mut out),
                '$' => rest = self.variable(rest, backslash, line, &mut out)?,
                c => out.push(c),
            }
        }

        Ok(out)
    }

    fn variable<'t>(
        &mut self,
        rest: &'t str,
        backslash: Backslash,
        line: usize,
        out: &mut String,
    ) -> Result<&'t str, String> {
        if let Some(rest) = rest.strip_prefix('$') {
            out.push('$');
            return Ok(rest);
        }

        if let Some(inner) = rest.strip_prefix('{') {
            let end = closing(inner).ok_or("a `${` in it is not closed")?;
            out.push_str(&self.braced(&inner[..end], backslash, line)?);
            return Ok(&inner[end + 1..]);
        }

        let end =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());

        if rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            out.push_str(&self.looked_up(&rest[..end], line));
            return Ok(&rest[end..]);
        }

        out.push('$');

        Ok(rest)
    }

    fn braced(&mut self, inner: &str, backslash: Backslash, line: usize) -> Result<String, String> {
        let end =
            inner.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(inner.len());
        let (name, operator) = inner.split_at(end);
        let value = self.value_of(name);
        let set = value.clone().filter(|value| !(operator.starts_with(':') && value.is_empty()));
        let operator = operator.strip_prefix(':').unwrap_or(operator);

        let mut chars = operator.chars();
        match (name.is_empty(), chars.next()) {
            (false, None) => Ok(self.looked_up(name, line)),
            (false, Some('-')) => {
                set.map_or_else(|| self.expand(chars.as_str(), backslash, line), Ok)
            }
            (false, Some('+')) => {
                set.map_or(Ok(String::new()), |_| self.expand(chars.as_str(), backslash, line))
            }
            (false, Some('?')) => set.ok_or_else(|| format!("it needs `{name}`, which is not set")),
            _ => Err("a `${…}` in it is not supported".into()),
        }
    }

    fn looked_up(&mut self, name: &str, line: usize) -> String {
        let value = self.value_of(name);
        if value.is_none() {
            let hint = "to keep a `$` as it is, put the value in single quotation marks";
            self.found.notes.push(format!(
                "line {line} refers to `{name}`, which is not set there and counts as empty; \
                 {hint}"
            ));
        }

        value.unwrap_or_default()
    }

    fn value_of(&mut self, name: &str) -> Option<String> {
        if let Some(value) = (self.known)(name) {
            self.borrows.insert(name.to_owned());
            return Some(value);
        }
        self.borrows.extend(self.found.borrowed.get(name).into_iter().flatten().cloned());
        self.found.values.get(name).cloned()
    }
}

fn is_of_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

/// A `#` begins a comment at the start of a line, or after a blank.
fn without_comment(text: &str) -> &str {
    let begins = |(at, c): &(usize, char)| {
        *c == '#' && text[..*at].chars().next_back().is_none_or(char::is_whitespace)
    };
    text.char_indices().find(begins).map_or(text, |(at, _)| &text[..at])
}

/// Where the open brace closes.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }

    None
}

/// What a backslash in double quotation marks stands for; anything else (`\d`) stands for itself.
fn unescape<'t>(rest: &'t str, out: &mut String) -> &'t str {
    let Some(c) = rest.chars().next() else {
        out.push('\\');
        return rest;
    };
    match c {
        'n' => out.push('\n'),
        'r' => out.push('\r'),
        't' => out.push('\t'),
        '"' | '\\' | '$' | '\'' => out.push(c),
        other => out.extend(['\\', other]),
    }

    &rest[c.len_utf8()..]
}

#[cfg(test)]
mod tests;
