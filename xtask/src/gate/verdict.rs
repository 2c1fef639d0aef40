//! Deciding is pure: circumstances in, one verdict per guard out, each with its reason and its cure.

use crate::config::Guards;
use crate::plan::{Risk, Stake};

/// Everything that the guards look at, beside the plan's risk.
#[derive(Debug, Clone)]
pub struct Circumstances<'a> {
    /// The project's rules.
    pub guards: &'a Guards,
    /// The project's environment.
    pub environment: &'a str,
    /// What the command line says.
    pub consent: Consent,
    /// Who is there to be asked.
    pub person: Person,
    /// Whether a coding agent runs this.
    pub agent: Agent,
}

/// What the command line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consent {
    /// Nothing: ask.
    Ask,
    /// `--yes`.
    Yes,
    /// `--confirm NAME`.
    Confirmed(String),
}

/// Who is there to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Person {
    /// Standard input is a terminal.
    AtTerminal,
    /// Nobody.
    Absent,
}

/// Whether a coding agent runs this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agent {
    /// None was detected.
    None,
    /// One, known by this variable, without a person's words.
    Alone(String),
    /// One that carries a person's words.
    Sent(String),
}

/// Variables that coding agents set in the shells they run.
const AGENTS: [&str; 6] = ["CLAUDECODE", "CURSOR_AGENT", "GEMINI_CLI", "CODEX_SANDBOX", "AI_AGENT", "OPENCODE"];

impl Agent {
    /// Looks for an agent; `words` is the variable that carries the person's words.
    pub fn detect(env: &crate::config::Env, words: &str) -> Self {
        match (AGENTS.iter().find(|v| env.get(v).is_some()), env.given(words)) {
            (None, _) => Self::None,
            (Some(agent), Some(_)) => Self::Sent((*agent).into()),
            (Some(agent), None) => Self::Alone((*agent).into()),
        }
    }
}

/// What one guard says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The guard.
    pub guard: &'static str,
    /// Its word.
    pub judgement: Judgement,
    /// Why.
    pub why: String,
    /// How to proceed, where it refuses.
    pub cure: String,
}

/// A guard's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// Go on.
    Passed,
    /// Ask the person.
    Ask,
    /// Stop.
    Refused,
}

/// All verdicts, refusals and passes alike: a dry run shows them all.
pub fn judge(risk: &Risk, c: &Circumstances<'_>) -> Vec<Verdict> {
    match risk {
        Risk::Nothing => Vec::new(),
        Risk::Adds => vec![question(Judgement::Passed, c)],
        Risk::RemovesBackups => vec![question(Judgement::Refused, c)],
        Risk::Changes { stakes } => {
            let mut verdicts = vec![environment(c)];
            verdicts.extend(stakes.iter().map(|stake| host(stake, c)));
            verdicts.extend(stakes.iter().map(|stake| marker(stake, c)));
            verdicts.push(agent(c));
            verdicts
        }
        Risk::ReplacesData { stakes, .. } => {
            let mut verdicts = vec![environment(c)];
            verdicts.extend(stakes.iter().map(|stake| host(stake, c)));
            verdicts.extend(stakes.iter().map(|stake| marker(stake, c)));
            verdicts.push(agent(c));
            verdicts.push(confirmation(stakes, c));
            verdicts
        }
    }
}

fn verdict(guard: &'static str, judgement: Judgement, why: impl Into<String>, cure: impl Into<String>) -> Verdict {
    Verdict { guard, judgement, why: why.into(), cure: cure.into() }
}

fn is_protected(environment: &str, c: &Circumstances<'_>) -> bool {
    c.guards.protected.iter().any(|p| p.eq_ignore_ascii_case(environment.trim()))
}

fn environment(c: &Circumstances<'_>) -> Verdict {
    if is_protected(c.environment, c) {
        let cure =
            "no flag lifts this; restore beside it with `--as OTHER_DATABASE`, or correct ENVIRONMENT if this is not production";
        return verdict(
            "environment",
            Judgement::Refused,
            format!("this project's environment is `{}`, where no live data is replaced", c.environment),
            cure,
        );
    }
    verdict("environment", Judgement::Passed, format!("`{}` is not protected", c.environment), "")
}

fn host(stake: &Stake, c: &Circumstances<'_>) -> Verdict {
    let Some(host) = &stake.remote_host else {
        return verdict("host", Judgement::Passed, format!("`{}` is on this machine ({})", stake.database, stake.at), "");
    };
    if c.guards.allowed_hosts.iter().any(|h| h.eq_ignore_ascii_case(host)) {
        return verdict("host", Judgement::Passed, format!("`{host}` is listed in `guards.allowed-hosts`"), "");
    }
    let cure = format!("if its data may be replaced, add \"{host}\" to `guards.allowed-hosts` in `db-tasks.toml`");
    verdict("host", Judgement::Refused, format!("`{}` is on `{host}`, which is not this machine", stake.database), cure)
}

fn marker(stake: &Stake, c: &Circumstances<'_>) -> Verdict {
    match &stake.marker {
        Some(mark) if is_protected(mark, c) => {
            let cure = format!(
                "no flag lifts this; if it is wrong, an administrator runs `ALTER DATABASE \"{}\" RESET dbtasks.environment`",
                stake.database
            );
            verdict(
                "marker",
                Judgement::Refused,
                format!("the database `{}` itself says that it is `{mark}`", stake.database),
                cure,
            )
        }
        Some(mark) => verdict("marker", Judgement::Passed, format!("the database says that it is `{mark}`"), ""),
        None => verdict("marker", Judgement::Passed, "the database carries no marker", ""),
    }
}

fn agent(c: &Circumstances<'_>) -> Verdict {
    match &c.agent {
        Agent::None => verdict("agent", Judgement::Passed, "no coding agent was detected", ""),
        Agent::Sent(agent) => verdict(
            "agent",
            Judgement::Passed,
            format!("a coding agent ({agent}) with a person's words in `{}`", c.guards.agent_variable),
            "",
        ),
        Agent::Alone(agent) => verdict(
            "agent",
            Judgement::Refused,
            format!("a coding agent runs this ({agent}), and live data would be replaced"),
            format!("ask the person, and set `{}` to their words", c.guards.agent_variable),
        ),
    }
}

fn confirmation(stakes: &[Stake], c: &Circumstances<'_>) -> Verdict {
    let wanted = |name: &String| stakes.iter().all(|s| s.database == *name);
    match &c.consent {
        Consent::Confirmed(name) if !wanted(name) => {
            let names: Vec<_> = stakes.iter().map(|s| format!("`{}`", s.database)).collect();
            verdict(
                "confirmation",
                Judgement::Refused,
                format!("`--confirm {name}` does not name {}", names.join(" and ")),
                "name the database that is replaced",
            )
        }
        _ => question(Judgement::Refused, c),
    }
}

/// Whether somebody has to be asked, and what happens when nobody is there.
fn question(nobody_there: Judgement, c: &Circumstances<'_>) -> Verdict {
    match (&c.consent, c.person) {
        (Consent::Yes, _) => verdict("confirmation", Judgement::Passed, "`--yes` was given", ""),
        (Consent::Confirmed(_), _) => verdict("confirmation", Judgement::Passed, "`--confirm` was given", ""),
        (Consent::Ask, Person::AtTerminal) => verdict("confirmation", Judgement::Ask, "you will be asked", ""),
        (Consent::Ask, Person::Absent) => {
            let why = if nobody_there == Judgement::Refused {
                "nobody can be asked: standard input is no terminal"
            } else {
                "nothing can be lost"
            };
            verdict("confirmation", nobody_there, why, if nobody_there == Judgement::Refused { "give `--yes`" } else { "" })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    fn guards() -> Guards {
        Guards { protected: vec!["production".into()], allowed_hosts: vec!["db.test".into()], agent_variable: "SAYS".into() }
    }

    fn overall(verdicts: &[Verdict]) -> String {
        let refused: Vec<_> = verdicts.iter().filter(|v| v.judgement == Judgement::Refused).map(|v| v.guard).collect();
        match (refused.is_empty(), verdicts.iter().any(|v| v.judgement == Judgement::Ask)) {
            (false, _) => format!("refused: {}", refused.join(", ")),
            (true, true) => "ask".into(),
            (true, false) => "go".into(),
        }
    }

    /// The whole table, for a reviewer to read: `tests/snapshots/guards.txt`.
    #[test]
    fn every_combination_has_its_verdict() {
        let guards = guards();
        let mut table = String::new();
        for (environment, host, marker, person, consent, agent) in combinations() {
            let c = Circumstances { guards: &guards, environment, consent: consent.clone(), person, agent: agent.clone() };
            let stake = Stake {
                database: "app".into(),
                at: "x".into(),
                remote_host: host.map(String::from),
                marker: marker.map(String::from),
                size: None,
                sessions: vec![],
            };
            let risk = Risk::ReplacesData { stakes: vec![stake], answer: "yes".into() };
            let words = [
                environment,
                host.unwrap_or("this machine"),
                marker.unwrap_or("no marker"),
                &format!("{person:?}"),
                &format!("{consent:?}"),
                &format!("{agent:?}"),
            ]
            .join(" | ");
            writeln!(table, "{words} => {}", overall(&judge(&risk, &c))).unwrap();
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/snapshots/guards.txt");
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(path, &table).unwrap();
        }
        assert_eq!(
            table,
            std::fs::read_to_string(path).unwrap_or_default(),
            "run with UPDATE_SNAPSHOTS=1 and read the difference"
        );
    }

    type Combination = (&'static str, Option<&'static str>, Option<&'static str>, Person, Consent, Agent);

    fn combinations() -> Vec<Combination> {
        let mut all = Vec::new();
        for environment in ["development", "production"] {
            for host in [None, Some("db.test"), Some("db.example")] {
                for marker in [None, Some("staging"), Some("Production")] {
                    for person in [Person::AtTerminal, Person::Absent] {
                        for consent in
                            [Consent::Ask, Consent::Yes, Consent::Confirmed("app".into()), Consent::Confirmed("other".into())]
                        {
                            for agent in [Agent::None, Agent::Alone("A".into()), Agent::Sent("A".into())] {
                                all.push((environment, host, marker, person, consent.clone(), agent));
                            }
                        }
                    }
                }
            }
        }
        all
    }

    #[test]
    fn no_flag_lifts_the_production_block() {
        let guards = guards();
        for consent in [Consent::Ask, Consent::Yes, Consent::Confirmed("app".into())] {
            let c = Circumstances {
                guards: &guards,
                environment: "Production",
                consent,
                person: Person::AtTerminal,
                agent: Agent::Sent("A".into()),
            };
            let stake =
                Stake { database: "app".into(), at: "x".into(), remote_host: None, marker: None, size: None, sessions: vec![] };
            let verdicts = judge(&Risk::ReplacesData { stakes: vec![stake], answer: "yes".into() }, &c);
            assert_eq!(overall(&verdicts), "refused: environment");
        }
    }

    #[test]
    fn a_backup_needs_nobody_and_a_cleanup_does() {
        let guards = guards();
        let c = |person, consent| Circumstances {
            guards: &guards,
            environment: "production",
            consent,
            person,
            agent: Agent::Alone("A".into()),
        };
        for (risk, person, consent, want) in [
            (Risk::Adds, Person::Absent, Consent::Ask, "go"),
            (Risk::Adds, Person::AtTerminal, Consent::Ask, "ask"),
            (Risk::Adds, Person::AtTerminal, Consent::Yes, "go"),
            (Risk::RemovesBackups, Person::Absent, Consent::Ask, "refused: confirmation"),
            (Risk::RemovesBackups, Person::Absent, Consent::Yes, "go"),
            (Risk::Nothing, Person::Absent, Consent::Ask, "go"),
        ] {
            assert_eq!(overall(&judge(&risk, &c(person, consent.clone()))), want, "{risk:?} {person:?} {consent:?}");
        }
    }
}
