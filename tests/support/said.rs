//! What the tool said, and what a test expects of it.

use std::path::Path;
use std::process::Output;

/// Output and exit code of one run.
#[derive(Debug, Clone)]
pub struct Said {
    pub out: String,
    pub err: String,
    pub code: Option<i32>,
    shown: String,
}

impl Said {
    /// As it was said. A hint begins as the person would type it; here its words count.
    pub fn of(output: Output) -> Self {
        Self::by(&output, "it", |text| {
            text.replace("`db-tasks db-", "`db-").replace(": db-tasks db-", ": db-")
        })
    }

    /// What these arguments came to, with words in place of what differs from run to run.
    pub fn plain(temp: &Path, args: &[&str], output: &Output) -> Self {
        Self::by(output, &args.join(" "), |text| plain(temp, text))
    }

    fn by(output: &Output, shown: &str, text: impl Fn(&str) -> String) -> Self {
        let text = |bytes: &[u8]| text(&String::from_utf8_lossy(bytes));
        Self {
            out: text(&output.stdout),
            err: text(&output.stderr),
            code: output.status.code(),
            shown: shown.into(),
        }
    }

    /// This exit code, and these words somewhere.
    #[track_caller]
    pub fn ends_with(self, code: i32, says: &str) -> Self {
        let said = self.exits(code);
        let whole = format!("{}\n{}", said.out, said.err);
        assert!(whole.contains(says), "{says:?} is not said:\n{whole}");
        said
    }

    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "`{}` said:\n{}\n{}", self.shown, self.out, self.err);
        self
    }

    /// Nothing but this error, and nothing on standard output.
    #[track_caller]
    pub fn only_error(self, text: &str) -> Self {
        assert_eq!(self.err.trim_end(), format!("error: {text}"), "`{}`", self.shown);
        assert_eq!(self.out, "", "`{}`", self.shown);
        self
    }

    /// This error at the end, after whatever steps were told; and nothing on standard output.
    #[track_caller]
    pub fn error(self, text: &str) -> Self {
        let at = self
            .err
            .find("error: ")
            .unwrap_or_else(|| panic!("`{}` said no error:\n{}", self.shown, self.err));
        assert_eq!(self.err[at..].trim_end(), format!("error: {text}"), "`{}`", self.shown);
        assert_eq!(self.out, "", "`{}`", self.shown);
        self
    }

    /// These words somewhere on standard error.
    #[track_caller]
    pub fn tells(self, words: &str) -> Self {
        assert!(self.err.contains(words), "`{}` said:\n{}\nwithout\n{words}", self.shown, self.err);
        self
    }

    /// What was tried, what happened, what to do next.
    #[track_caller]
    pub fn has_three_parts(self) -> Self {
        let error = self.err.split_once("error: ").map_or("", |(_, error)| error);
        let happened = error
            .lines()
            .skip(1)
            .any(|line| line.starts_with("  ") && !line.starts_with("  next: "));
        assert!(happened && error.contains("\n  next: "), "`{}` said:\n{}", self.shown, self.err);
        self
    }
}

/// The folder, this run's name, times and durations, by words.
pub fn plain(temp: &Path, text: &str) -> String {
    let real = temp.canonicalize().unwrap_or_else(|_| temp.to_path_buf());
    let text = text
        .replace(&*real.to_string_lossy(), "[TEMP]")
        .replace(&*temp.to_string_lossy(), "[TEMP]");
    let text = text.replace("[TEMP]/shop", "[DIR]");
    let text = after(&text, "db-tasks/", |c| c.is_ascii_hexdigit(), "[RUN]");
    let text = after(&text, "process ", |c| c.is_ascii_digit(), "[PID]");

    let text = text.replace("`db-tasks db-", "`db-").replace(": db-tasks db-", ": db-");
    let text = shaped(&text, "########_######", "[STAMP]");
    let text = shaped(&text, "####-##-## ##:##:## UTC", "[TIME]");
    let text = shaped(&text, &"%".repeat(64), "[SHA256]");
    let text = after(&text, "crc32:", |c| c.is_ascii_hexdigit(), "[CRC32]");

    durations(&text)
}

/// Replaces what follows `before`, as far as it fits.
pub fn after(text: &str, before: &str, fits: fn(char) -> bool, word: &str) -> String {
    let mut parts = text.split(before);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(fits);
        out.push_str(before);
        out.push_str(if rest.len() < part.len() { word } else { "" });
        out.push_str(rest);
    }

    out
}

/// What is called after a run, or secret in it, is another's in the next.
pub fn of_any_run(text: &str) -> String {
    let hex = |c: char| c.is_ascii_hexdigit();
    let text = after(text, "db-tasks/", hex, "RUN");
    let text = after(&text, "db_tasks_loader_", hex, "RUN");
    // the connection limit that marks a database as emptied has a part of it
    let text =
        (204..=214).fold(text, |text, begins| shaped(&text, &format!("{begins}#######"), "LIMIT"));
    after(&text, "SCRAM-SHA-256", |c| c != '\'', "")
}

/// Replaces what has a shape: `#` is a digit, `%` a hexadecimal one.
pub fn shaped(text: &str, shape: &str, word: &str) -> String {
    let fits = |rest: &str| {
        let mut chars = rest.chars();
        shape.chars().all(|want| match (want, chars.next()) {
            ('#', Some(c)) => c.is_ascii_digit(),
            ('%', Some(c)) => c.is_ascii_hexdigit(),
            (want, found) => Some(want) == found,
        })
    };

    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if fits(rest) {
            out.push_str(word);
            rest = &rest[shape.len()..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }

    out
}

/// `(12 ms)` and `took  0.02 s` differ from run to run.
fn durations(text: &str) -> String {
    let duration = |words: &str| {
        let mut words = words.split(' ');
        let number = words
            .next()
            .is_some_and(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit() || c == '.'));
        number && words.next().is_some_and(|unit| matches!(unit, "s" | "ms" | "µs"))
    };

    let mut lines = Vec::new();

    for line in text.split('\n') {
        let ended =
            line.rsplit_once(" (").filter(|(_, end)| end.strip_suffix(')').is_some_and(duration));
        let took = line.strip_prefix("  took ").filter(|rest| duration(rest.trim_start()));
        lines.push(match (ended, took) {
            (Some((head, _)), _) => format!("{head} [TOOK]"),
            (None, Some(_)) => "  took         [TOOK]".into(),
            _ => line.to_owned(),
        });
    }

    lines.join("\n")
}
