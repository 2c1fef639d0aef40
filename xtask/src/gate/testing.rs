//! TESTING: whoever sets it means a database of its own, and takes what happens for harmless.

use super::verdict::{Circumstances, Judgement, Verdict, verdict};
use crate::plan::Stake;

/// The variable, as people's scripts and frameworks have it.
const TESTING: &str = "TESTING";

/// Words that say of a name that it is for tests.
const WORDS: [&str; 4] = ["test", "tests", "testing", "ci"];

/// Where TESTING is set, no other data is replaced than that of a database for tests: by the file,
/// or by its name or environment.
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
        let why = format!("{TESTING} is set, and so is this environment: `{}`", c.environment);
        return Some(verdict("testing", Judgement::Passed, why, ""));
    }

    let why = format!(
        "{TESTING} is set, which means a database of its own, and `{name}` is the usual one"
    );
    let cure = format!(
        "unset {TESTING} if `{name}` is meant; `testing = \"{name}_test\"` in its table of \
         `db-tasks.toml` names one for tests, which `db-prepare` fills then"
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
