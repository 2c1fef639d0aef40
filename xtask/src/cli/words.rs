//! The words of the command line, before they are parsed: cargo, npm and people have their own
//! ways.

use std::ffi::OsString;

/// As the command line is meant: without cargo's own word for a program
/// (<https://doc.rust-lang.org/cargo/reference/external-tools.html>) and pnpm's own `--` (`pnpm run db:reset -- --force`); `help`,
/// `help db-backup`, `db:backup` (which is what npm's scripts are called), and a `--wait` before a
/// name; `start-scheduler`, as others call `db-schedule run`.
pub fn understood(mut words: Vec<OsString>) -> Vec<OsString> {
    if words.get(1).is_some_and(|word| word == "db-tasks") {
        words.remove(1);
    }
    if words.get(2).is_some_and(|word| word == "--") {
        words.remove(2);
    }

    if words.get(1).is_some_and(|word| word == "help") {
        words.remove(1);
        let at = words.len().min(2);
        words.insert(at, "--help".into());
    }

    if let Some(task) = words.get(1).and_then(|word| word.to_str()?.strip_prefix("db:")) {
        words[1] = format!("db-{task}").into();
    }

    if let Some(at) = words.iter().take(4).position(|word| word == "start-scheduler") {
        words.splice(at..=at, ["db-schedule", "run"].map(OsString::from));
    }

    alone(words, "--wait", crate::options::WAIT)
}

/// An option with an optional number has none if what follows is not a number: `db-restore --wait
/// shop_20260116`.
fn alone(mut words: Vec<OsString>, option: &str, number: &str) -> Vec<OsString> {
    let ours = words.iter().position(|word| word == "--").unwrap_or(words.len());
    for at in 0..ours {
        let next = words.get(at + 1).map(|word| word.to_string_lossy().into_owned());
        let is_name = |word: String| !word.starts_with('-') && word.parse::<u64>().is_err();
        if words[at] == option && next.is_some_and(is_name) {
            words[at] = format!("{option}={number}").into();
        }
    }

    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_as_other_tools_have_them() {
        for (typed, want) in [
            ("db-tasks help", "db-tasks --help"),
            ("db-tasks help db-backup", "db-tasks db-backup --help"),
            ("db-tasks help db:backup", "db-tasks db-backup --help"),
            ("db-tasks db:restore --latest", "db-tasks db-restore --latest"),
            ("db-tasks db-restore --file db:x", "db-tasks db-restore --file db:x"),
            ("cargo-db-tasks db-tasks db-list", "cargo-db-tasks db-list"),
            ("db-tasks db-reset -- --force", "db-tasks db-reset --force"),
            ("db-tasks start-scheduler --interval 1", "db-tasks db-schedule run --interval 1"),
            ("db-tasks help start-scheduler", "db-tasks db-schedule run --help"),
            ("db-tasks", "db-tasks"),
        ] {
            assert_eq!(said(typed), want, "{typed}");
        }
    }

    #[test]
    fn a_name_is_no_number_of_seconds() {
        for (typed, want) in [
            ("db-tasks db-restore --wait shop_2026", "db-tasks db-restore --wait=60 shop_2026"),
            ("db-tasks --wait db-restore shop_2026", "db-tasks --wait=60 db-restore shop_2026"),
            (
                "db-tasks db-info --wait 2026-11-28.sql.gz",
                "db-tasks db-info --wait=60 2026-11-28.sql.gz",
            ),
            ("db-tasks db-restore --wait 30 shop_2026", "db-tasks db-restore --wait 30 shop_2026"),
            ("db-tasks db-restore --wait=x", "db-tasks db-restore --wait=x"),
            ("db-tasks db-restore --wait --latest", "db-tasks db-restore --wait --latest"),
            ("db-tasks db-status --wait", "db-tasks db-status --wait"),
            ("db-tasks db-info --quiet -- --wait x", "db-tasks db-info --quiet -- --wait x"),
        ] {
            assert_eq!(said(typed), want, "{typed}");
        }
    }

    fn said(typed: &str) -> String {
        let words = understood(typed.split(' ').map(Into::into).collect());
        words.join(std::ffi::OsStr::new(" ")).to_string_lossy().into_owned()
    }
}
