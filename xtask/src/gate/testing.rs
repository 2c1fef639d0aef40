//! TESTING: whoever sets it expects a database for tests, and thinks that nothing can go wrong.

use super::circumstances::Circumstances;
use super::judgement::{Judgement, Verdict, verdict};
use crate::plan::Stake;

/// The variable, as scripts and frameworks use it.
const TESTING: &str = "TESTING";

/// Words that say of a name that it is for tests.
const WORDS: [&str; 4] = ["test", "tests", "testing", "ci"];

/// If TESTING is set, only a database for tests may be replaced: one that the file, its name or its
/// environment says is for tests.
pub(super) fn of(stake: &Stake, c: &Circumstances<'_>) -> Option<Verdict> {
    if !c.env.says_yes(TESTING) {
        return None;
    }

    let name = &stake.database;
    if c.guards.testing.contains(name) || is_for_tests(name) {
        return Some(verdict(
            "testing",
            Judgement::Passed,
            format!("{TESTING} is set, and `{name}` is a database for tests"),
            "",
        ));
    }

    if is_for_tests(c.environment) {
        let why = format!(
            "{TESTING} is set, and this environment is for tests, too: `{}`",
            c.environment
        );
        return Some(verdict("testing", Judgement::Passed, why, ""));
    }

    let why = format!(
        "{TESTING} is set, which means a database for tests, but `{name}` is the usual one"
    );
    let cure = format!(
        "unset {TESTING} if you mean `{name}`; or name a database for tests, `testing = \
         \"{name}_test\"`, in its table of `db-tasks.toml`, and fill it with `db-prepare`"
    );

    Some(verdict("testing", Judgement::Refused, why, cure))
}

fn is_for_tests(name: &str) -> bool {
    name.split(|c: char| !c.is_alphanumeric())
        .any(|part| WORDS.contains(&part.to_ascii_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_say_so() {
        for (name, want) in [
            ("shop_test", true),
            ("test-shop", true),
            ("CI", true),
            ("shop.testing", true),
            ("contest", false),
            ("shop", false),
            ("latest", false),
            ("city", false),
        ] {
            assert_eq!(is_for_tests(name), want, "{name}");
        }
    }
}
