//! The end of a container's log, if it does not start again: without the secrets of its environment
//! and of addresses.

use crate::config::Secrets;
use crate::door::ask::ask;
use crate::plan::LastWords;
use crate::problem::shorten;

/// Characters of a line that are shown.
const WIDTH: usize = 200;

/// The last lines, or where to find them.
pub(super) fn last_words(of: &LastWords, secrets: &Secrets) -> String {
    let name = &of.container;
    match lines(of, secrets) {
        Some(lines) if lines.is_empty() => format!("the log of {name} is empty"),
        Some(lines) => format!("the last lines of the log of {name}:\n  {}", lines.join("\n  ")),
        None => format!("its log could not be read: `{}`", of.log),
    }
}

fn lines(of: &LastWords, secrets: &Secrets) -> Option<Vec<String>> {
    let env = ask(&of.env, secrets).ok().filter(|answer| answer.good)?;
    let env: Vec<String> = serde_json::from_str(&env.out).ok()?;
    let own = Secrets::of_environment(env.iter().filter_map(|pair| pair.split_once('=')));
    let answer = ask(&of.log, secrets).ok().filter(|answer| answer.good)?;

    let lines = in_order(&answer.out, &answer.err).into_iter();
    Some(
        lines
            .map(|line| {
                shorten(&own.redact(&secrets.redact(&Secrets::without_passwords(line))), WIDTH)
            })
            .collect(),
    )
}

/// Both streams of a log, by the times at the start of their lines.
fn in_order<'a>(out: &'a str, err: &'a str) -> Vec<&'a str> {
    let timed = |line: &'a str| line.split_once(' ').unwrap_or((line, ""));
    let mut lines: Vec<_> = out.lines().chain(err.lines()).map(timed).collect();
    lines.sort_by_key(|(time, _)| *time);
    lines.into_iter().map(|(_, line)| line.trim_end()).filter(|line| !line.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_streams_are_one_log() {
        let out = "2026-01-16T22:45:00.000000001Z begins\n2026-01-16T22:45:02.5Z works\n";
        let err = "2026-01-16T22:45:01.0Z Error: no\n2026-01-16T22:45:03.0Z \n";
        assert_eq!(in_order(out, err), ["begins", "Error: no", "works"]);
    }
}
