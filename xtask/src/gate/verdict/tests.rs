use std::collections::BTreeMap;
use std::fmt::Write;

use super::super::circumstances::{Agent, Consent};
use super::*;
use crate::config::{Env, Guards};
use crate::plan::{Act, Deed, How, Recovery, Step};
use crate::value::{Mark, MarkedBy};

fn guards() -> Guards {
    Guards {
        protected: vec!["production".into()],
        allowed_hosts: vec!["db.test".into()],
        agent_variable: "SAYS".into(),
        pins: BTreeMap::new(),
        keep_tables: Vec::new(),
        wait_for_locks: None,
        ratchet: None,
        testing: Vec::new(),
    }
}

fn of(verdicts: &[Verdict], judgement: Judgement) -> Vec<&'static str> {
    verdicts.iter().filter(|v| v.judgement == judgement).map(|v| v.guard).collect()
}

fn overall(verdicts: &[Verdict]) -> String {
    let (refused, warned) = (of(verdicts, Judgement::Refused), of(verdicts, Judgement::Warned));
    let word = match (refused.is_empty(), of(verdicts, Judgement::Ask).is_empty()) {
        (false, _) => format!("refused: {}", refused.join(", ")),
        (true, false) => "ask".into(),
        (true, true) => "go".into(),
    };
    if warned.is_empty() { word } else { format!("{word} (warned: {})", warned.join(", ")) }
}

/// All that the guards look at, each part for itself.
#[derive(Debug, Clone)]
struct Case {
    environment: &'static str,
    host: Option<&'static str>,
    marker: Option<&'static str>,
    pin: Pulled,
    safety: Safety,
    person: Presence,
    consent: Consent,
    agent: Agent,
    recovery: Option<Recovery>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pulled {
    NotWanted,
    NotSet,
    SetOtherwise,
    SetInDotenv,
    Set,
}

const PULLED: [Pulled; 5] =
    [Pulled::NotWanted, Pulled::NotSet, Pulled::SetOtherwise, Pulled::SetInDotenv, Pulled::Set];

/// Nothing is wrong here.
const BENIGN: Case = Case {
    environment: "development",
    host: None,
    marker: None,
    pin: Pulled::NotWanted,
    safety: Safety::Kept,
    person: Presence::Absent,
    consent: Consent::Yes,
    agent: Agent::None,
    recovery: None,
};

fn sent(words: &str) -> Agent {
    Agent::Sent { agent: "A".into(), words: words.into() }
}

#[test]
fn a_persons_words_are_about_this_task_and_this_database() {
    let (guards, dotenv) = (guards(), of_dotenv());

    for (words, want) in [
        ("db-restore app", "go"),
        ("yes, db-restore of `app`, please.", "go"),
        ("db-restore", "refused: agent"),
        ("app", "refused: agent"),
        ("db-restore app-two", "refused: agent"),
        ("db-restore happy", "refused: agent"),
        ("db-wipe app", "refused: agent"),
        ("do not db-restore app", "refused: agent"),
        ("Don’t db-restore app!", "refused: agent"),
        ("db-restore app? No.", "refused: agent"),
        ("db-restore app, nothing else", "go"),
        ("db-restore of app now", "go"),
        ("/usr/local/bin:/usr/bin:/bin", "refused: agent"),
        ("C.UTF-8", "refused: agent"),
    ] {
        assert_eq!(
            overall(&Case { agent: sent(words), ..BENIGN }.judged(&guards, &dotenv)),
            want,
            "{words}"
        );
    }
}

/// The same words that a file holds are nobody's, whoever has exported it.
#[test]
fn neither_pins_nor_words_come_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), "WIPE=true\nSAYS='db-restore app'\n").unwrap();

    let env = Env::of([("WIPE", "true"), ("SAYS", "db-restore app"), ("CLAUDECODE", "")])
        .beside(folder.path());
    assert_eq!(Agent::detect(&env, "SAYS"), Agent::Alone("CLAUDECODE".into()));

    let guards = guards();
    let c = Circumstances {
        guards: &guards,
        environment: "development",
        said_by: Origin::Default,
        consent: Consent::Yes,
        person: Presence::Absent,
        agent: Agent::None,
        env: &env,
    };

    let refused = pin(&Pin { variable: "WIPE".into(), value: "true".into() }, &c);
    assert_eq!(refused.judgement, Judgement::Refused);

    assert_eq!(
        refused.why,
        "`WIPE=true` is set in `.env`: a safety pin counts only if it is set for one run"
    );
}

fn of_dotenv() -> Env {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), "WIPE=true\n").unwrap();
    Env::default().with_dotenv(folder.path()).unwrap()
}

impl Case {
    fn judged(&self, guards: &Guards, dotenv: &Env) -> Vec<Verdict> {
        let env = match self.pin {
            Pulled::NotWanted | Pulled::NotSet => Env::default(),
            Pulled::SetOtherwise => Env::of([("WIPE", "yes")]),
            Pulled::SetInDotenv => dotenv.clone(),
            Pulled::Set => Env::of([("WIPE", "true")]),
        };
        self.judged_in(guards, &env)
    }

    fn judged_in(&self, guards: &Guards, env: &Env) -> Vec<Verdict> {
        self.judged_of(guards, env, None)
    }

    fn judged_of(&self, guards: &Guards, env: &Env, author: Option<Author>) -> Vec<Verdict> {
        let c = Circumstances {
            guards,
            environment: self.environment,
            said_by: Origin::Variable("ENVIRONMENT"),
            consent: self.consent.clone(),
            person: self.person,
            agent: self.agent.clone(),
            env,
        };

        let stake = Stake {
            database: "app".into(),
            at: "x".into(),
            whereabouts: Whereabouts::by_host(self.host.map(String::from)),
            marks: self
                .marker
                .iter()
                .map(|mark| Mark { environment: (*mark).into(), by: MarkedBy::Setting })
                .collect(),
            size: None,
            sessions: vec![],
            safety: self.safety.clone(),
        };

        let pin = (self.pin != Pulled::NotWanted)
            .then(|| Pin { variable: "WIPE".into(), value: "true".into() });
        let pins = pin.into_iter().collect();

        let risk = Risk::ReplacesData {
            stakes: vec![stake],
            answer: "yes".into(),
            pins,
            recovery: self.recovery.clone(),
        };
        judge(&Plan { author, ..bare(risk) }, &c)
    }
}

/// The whole table, for a reviewer to read: `tests/snapshots/guards.txt`. What the guards of a
/// restore look at comes first, every combination of it; then what a wipe adds, where
/// nothing else is wrong. That the rest is the sum of both is a test of its own.
#[test]
fn every_combination_has_its_verdict() {
    let (guards, dotenv) = (guards(), of_dotenv());
    let mut table = String::new();

    for case in combinations() {
        let words = [
            case.environment,
            case.host.unwrap_or("this machine"),
            case.marker.unwrap_or("no marker"),
            &format!("{:?}", case.person),
            &format!("{:?}", case.consent),
            &match &case.agent {
                Agent::Sent { agent, .. } => format!("Sent({agent:?})"),
                other => format!("{other:?}"),
            },
        ]
        .join(" | ");

        writeln!(table, "{words} => {}", overall(&case.judged(&guards, &dotenv))).unwrap();
    }

    table.push('\n');

    for case in wipes() {
        let words =
            format!("{:?} | {:?} | {:?} | {:?}", case.pin, case.safety, case.person, case.consent);
        writeln!(table, "{words} => {}", overall(&case.judged(&guards, &dotenv))).unwrap();
    }

    held(&table, "guards.txt");
}

/// What a restore may do in production: a person types so, or the variable of this very run
/// names the database and the backup.
#[test]
fn production_is_restored_by_who_means_it() {
    const VARIABLE: &str = "DB_TASKS_RESTORE_PRODUCTION";

    let guards = guards();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), format!("{VARIABLE}='app b'\n")).unwrap();

    let dotenv = Env::default().with_dotenv(folder.path()).unwrap();
    let given = |value: &str| Env::of([(VARIABLE, value)]);
    let envs = [
        ("not set", Env::default()),
        ("app b", given("app b")),
        ("app other", given("app other")),
        (".env", dotenv),
        ("exported from .env", given("app b").beside(folder.path())),
    ];

    let mut table = String::new();

    for (variable, env) in &envs {
        for case in combinations() {
            let case =
                Case { recovery: Some(Recovery { of: "b".into(), drops: Vec::new() }), ..case };
            let is_plain = matches!(case.consent, Consent::Ask | Consent::Yes)
                && case.marker != Some("staging");
            let is_other = case.consent == Consent::Confirmed("other".into())
                && case.environment == "production";

            if (is_plain || is_other) && case.agent != Agent::Alone("A".into()) {
                let is_agent = if case.agent == Agent::None { "a person" } else { "an agent" };
                let (host, marker) =
                    (case.host.unwrap_or("this machine"), case.marker.unwrap_or("no marker"));
                let who = format!("{is_agent} | {:?} | {:?}", case.person, case.consent);
                let verdict = overall(&case.judged_in(&guards, env));

                writeln!(
                    table,
                    "{variable} | {} | {host} | {marker} | {who} => {verdict}",
                    case.environment
                )
                .unwrap();
            }
        }
    }

    held(&table, "recovery.txt");
    let all = Author { role: "postgres".into(), powers: Powers::All, why: None, word: Word::Given };

    let case = Case {
        environment: "production",
        recovery: Some(Recovery { of: "b".into(), drops: Vec::new() }),
        ..BENIGN
    };

    let verdicts = case.judged_of(&guards, &envs[1].1, Some(all));
    assert_eq!(overall(&verdicts), "refused: environment, production (warned: author)");

    let drops = Recovery { of: "b".into(), drops: vec!["app__previous".into()] };
    for person in [Presence::AtTerminal, Presence::Absent] {
        let case =
            Case { environment: "production", person, recovery: Some(drops.clone()), ..BENIGN };
        assert_eq!(
            overall(&case.judged_in(&guards, &envs[1].1)),
            "refused: kept (warned: environment)"
        );
    }
}

fn held(table: &str, name: &str) {
    let path =
        std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/snapshots")).join(name);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, table).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(table, there, "run with UPDATE_SNAPSHOTS=1 and read the difference");
}

fn combinations() -> Vec<Case> {
    let mut all = Vec::new();

    for environment in ["development", "production"] {
        for host in [None, Some("db.test"), Some("db.example")] {
            for marker in [None, Some("staging"), Some("Production")] {
                for person in [Presence::AtTerminal, Presence::Absent] {
                    for consent in [
                        Consent::Ask,
                        Consent::Yes,
                        Consent::Confirmed("app".into()),
                        Consent::Confirmed("other".into()),
                    ] {
                        for agent in [Agent::None, Agent::Alone("A".into()), sent("db-restore app")]
                        {
                            let consent = consent.clone();
                            all.push(Case {
                                environment,
                                host,
                                marker,
                                person,
                                consent,
                                agent,
                                ..BENIGN
                            });
                        }
                    }
                }
            }
        }
    }

    all
}

fn wipes() -> Vec<Case> {
    let mut all = Vec::new();

    for pin in PULLED {
        for safety in
            [Safety::Kept, Safety::BackedUp, Safety::Bare(None), Safety::Bare(Some("b".into()))]
        {
            for (person, consent) in [
                (Presence::AtTerminal, Consent::Ask),
                (Presence::Absent, Consent::Ask),
                (Presence::Absent, Consent::Yes),
            ] {
                all.push(Case { pin, safety: safety.clone(), person, consent, ..BENIGN });
            }
        }
    }

    all
}

/// No guard looks away because of what another one sees: all that is wrong together is refused
/// for each of its parts.
fn bare(risk: Risk) -> Plan {
    Plan::bare("db-restore", String::new(), risk)
}

mod words;
