//! Who is asked, and what an answer counts for.

use super::super::circumstances::{Agent, Circumstances, Consent, Presence};
use super::super::judgement::{Judgement, Verdict, verdict};
use crate::cmd::quoted;
use crate::plan::Stake;

/// How many sessions are named.
pub(super) const NAMED: usize = 5;

pub(super) fn sessions(stake: &Stake) -> Option<Verdict> {
    let (named, more) =
        (stake.sessions.iter().take(NAMED), stake.sessions.len().saturating_sub(NAMED));
    let mut list = named.cloned().collect::<Vec<_>>().join(", ");
    if more > 0 {
        list.push_str(&format!(" and {more} more"));
    }

    let why = format!(
        "connected to `{}` now, and terminated if they block the change: {list}",
        stake.database
    );
    (!stake.sessions.is_empty()).then(|| verdict("sessions", Judgement::Warned, why, ""))
}

pub(super) fn agent(task: &str, stakes: &[Stake], c: &Circumstances<'_>) -> Verdict {
    let variable = &c.guards.agent_variable;
    let wanted: Vec<&str> =
        std::iter::once(task).chain(stakes.iter().map(|stake| stake.database.as_str())).collect();

    let (agent, said) = match &c.agent {
        Agent::None => {
            return verdict("agent", Judgement::Passed, "no coding agent was detected", "");
        }
        Agent::Alone(agent) => (agent, None),
        Agent::Sent { agent, words } => (agent, Some(words)),
    };

    let is_no = said.is_some_and(|said| says_no(said, &wanted));
    if !is_no && said.is_some_and(|said| wanted.iter().all(|word| holds(said, word))) {
        let why = format!("a coding agent ({agent}) has a person's words in `{variable}`");
        return verdict("agent", Judgement::Passed, why, "");
    }

    let but = match said {
        Some(_) if is_no => format!("; the words in `{variable}` say no, or might"),
        Some(_) => format!("; the words in `{variable}` are not about that"),
        None => String::new(),
    };

    let example = format!("{variable}={}", quoted(&wanted.join(" ")));

    verdict(
        "agent",
        Judgement::Refused,
        format!("a coding agent runs this ({agent}), and it would replace live data{but}"),
        format!(
            "ask the person, and set `{variable}` to their words, which must name the task and the \
             database: `{example}`"
        ),
    )
}

/// Whether somebody's words may mean no: `do not db-restore app` names the task and the database,
/// too. When in doubt, they do.
pub(super) fn says_no(text: &str, wanted: &[&str]) -> bool {
    const NO: [&str; 10] =
        ["no", "not", "never", "cannot", "dont", "stop", "nein", "nicht", "nie", "kein"];
    let lower = text.to_lowercase().replace('’', "'");
    let words = lower
        .split(|c: char| !c.is_alphanumeric() && !matches!(c, '\'' | '_' | '-' | '$'))
        .map(|word| word.trim_matches('\''));
    let is_name = |word: &str| wanted.iter().any(|name| name.to_lowercase() == word);
    words.into_iter().any(|word| !is_name(word) && (NO.contains(&word) || word.ends_with("n't")))
}

/// Whether a name is in a text as a word of its own.
pub(super) fn holds(text: &str, word: &str) -> bool {
    let part_of_a_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$');
    let alone = |at: usize| {
        let (before, after) =
            (text[..at].chars().next_back(), text[at + word.len()..].chars().next());
        !before.is_some_and(part_of_a_name) && !after.is_some_and(part_of_a_name)
    };
    !word.is_empty() && text.match_indices(word).any(|(at, _)| alone(at))
}

pub(super) fn confirmation(stakes: &[Stake], c: &Circumstances<'_>) -> Verdict {
    let names = Stake::names(stakes);
    match &c.consent {
        Consent::Confirmed(name) if *name != names => {
            let shown: Vec<String> = stakes.iter().map(|s| format!("`{}`", s.database)).collect();
            let cure = match stakes {
                [_] => "name the database that is replaced".into(),
                _ => format!("name all of them: `--confirm {}`", quoted(&names)),
            };
            let why = format!("`--confirm {name}` does not name {}", shown.join(" and "));
            verdict("confirmation", Judgement::Refused, why, cure)
        }
        _ => question(Judgement::Refused, c),
    }
}

/// Whether somebody must be asked, and what happens if nobody is there.
pub(super) fn question(nobody_there: Judgement, c: &Circumstances<'_>) -> Verdict {
    match (&c.consent, c.person) {
        (Consent::Yes, _) => verdict("confirmation", Judgement::Passed, "`--yes` was given", ""),
        (Consent::Confirmed(_), _) => {
            verdict("confirmation", Judgement::Passed, "`--confirm` was given", "")
        }
        (Consent::Ask, Presence::AtTerminal) => {
            verdict("confirmation", Judgement::Ask, "you will be asked", "")
        }
        (Consent::Unasked, _) => {
            verdict("confirmation", Judgement::Passed, "nothing can be lost", "")
        }
        (Consent::Ask, Presence::Absent) => {
            let why = if nobody_there == Judgement::Refused {
                "can't ask for confirmation: standard input is not a terminal"
            } else {
                "nothing can be lost"
            };

            verdict(
                "confirmation",
                nobody_there,
                why,
                if nobody_there == Judgement::Refused { "use `--yes`" } else { "" },
            )
        }
    }
}
