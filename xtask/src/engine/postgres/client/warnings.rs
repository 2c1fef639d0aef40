//! What a server warns about while a dump is loaded: none of it stops the load, but some of it
//! matters ("no privileges were granted").

use serde::Serialize;

use super::said;
use crate::problem::shorten;

/// How many are kept as text.
const FIRST: usize = 5;

/// Characters of one of them.
const LONG: usize = 200;

/// The warnings of one load.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Warnings {
    /// How many there were.
    pub count: u64,
    /// The first of them, without their details.
    pub first: Vec<String>,
}

impl Warnings {
    /// From everything that a successful psql said on standard error. Messages of a lower level
    /// have a state of class 00, or are recognised by name if the server uses English.
    pub fn read(err: &str) -> Self {
        let mut found = Self::default();
        for line in err.lines() {
            let Some(text) = warning(line) else { continue };
            found.count += 1;
            if found.first.len() < FIRST {
                found.first.push(shorten(text, LONG));
            }
        }

        found
    }

    /// These and others.
    pub fn and(mut self, others: Self) -> Self {
        self.count += others.count;
        self.first.extend(others.first);
        self.first.truncate(FIRST);
        self
    }

    /// Whether there were none.
    pub fn is_nothing(&self) -> bool {
        self.count == 0
    }

    /// In words, a line each.
    pub fn told(&self) -> Vec<String> {
        let mut lines: Vec<String> =
            self.first.iter().map(|text| format!("the server warns: {text}")).collect();
        let more = self.count - self.first.len() as u64;
        lines.extend((more > 0).then(|| format!("… and {more} more warnings")));
        lines
    }
}

/// `psql:<stdin>:7: WARNING:  01007: no privileges were granted for "t"`
fn warning(line: &str) -> Option<&str> {
    let (number, rest) = line.strip_prefix("psql:<stdin>:")?.split_once(": ")?;
    number.parse::<u64>().ok()?;
    let (rank, said) = rest.split_once(":  ")?;
    let (state, text) = said.split_once(": ")?;
    let is_lower = ["NOTICE", "INFO", "LOG", "DEBUG"].contains(&rank) || state.starts_with("00");
    (said::is_state(state) && !is_lower).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_counted_and_the_first_kept() {
        let one = |n: usize| {
            format!(
                "psql:<stdin>:{n}: WARNING:  01007: no privileges were granted for \
                 \"t{n}\"\nLOCATION:  f, x.c:1\n"
            )
        };

        let others = "psql:<stdin>:1: NOTICE:  42P07: relation \"x\" already exists, \
                      skipping\npsql:<stdin>:2: HINWEIS:  00000: so\nWARNING:  no number\nDETAIL:  \
                      psql:<stdin>\npsql:<stdin>:x: WARNING:  01000: y\npsql:<stdin>:3: WARNUNG:  \
                      01000: auch\n";
        let text = (1..=6).map(one).collect::<String>() + others;
        let found = Warnings::read(&text);

        assert_eq!((found.count, found.first.len()), (7, 5));
        assert_eq!(found.first[0], "no privileges were granted for \"t1\"");
        assert_eq!(found.told().last().unwrap(), "… and 2 more warnings");
        assert!(Warnings::read("").is_nothing() && Warnings::read("").told().is_empty());

        let both = Warnings::read(&one(1)).and(found);
        assert_eq!((both.count, both.first.len()), (8, 5));

        let long = format!("psql:<stdin>:1: WARNING:  01000: {}\n", "x".repeat(10_000));
        assert!(Warnings::read(&long).first[0].chars().count() <= LONG + 1);
    }
}
