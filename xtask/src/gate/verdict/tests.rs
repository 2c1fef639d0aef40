use std::collections::BTreeMap;
use std::fmt::Write;

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
#[test]
fn each_guard_has_its_own_word() {
    let (guards, dotenv) = (guards(), of_dotenv());

    for case in combinations() {
        for pin in PULLED {
            for safety in [Safety::Kept, Safety::BackedUp, Safety::Bare(None)] {
                let case = Case { pin, safety: safety.clone(), ..case.clone() };
                let alone = [
                    Case { environment: case.environment, ..BENIGN },
                    Case { host: case.host, ..BENIGN },
                    Case { marker: case.marker, ..BENIGN },
                    Case { pin, ..BENIGN },
                    Case { safety, ..BENIGN },
                    Case { agent: case.agent.clone(), ..BENIGN },
                    Case { person: case.person, consent: case.consent.clone(), ..BENIGN },
                ];

                let alone: Vec<Vec<Verdict>> =
                    alone.iter().map(|one| one.judged(&guards, &dotenv)).collect();
                let whole = case.judged(&guards, &dotenv);

                for judgement in [Judgement::Refused, Judgement::Warned] {
                    let parts: Vec<_> = alone.iter().flat_map(|one| of(one, judgement)).collect();
                    assert_eq!(of(&whole, judgement), parts, "{case:?}");
                }
            }
        }
    }
}

#[test]
fn no_flag_lifts_the_production_block_or_pulls_the_pin() {
    let (guards, dotenv) = (guards(), of_dotenv());

    for consent in [Consent::Ask, Consent::Yes, Consent::Confirmed("app".into())] {
        let case =
            Case { consent, person: Presence::AtTerminal, agent: sent("db-restore app"), ..BENIGN };

        for (case, want) in [
            (Case { environment: "Production", ..case.clone() }, "refused: environment"),
            (Case { pin: Pulled::SetInDotenv, ..case }, "refused: pin"),
        ] {
            assert_eq!(overall(&case.judged(&guards, &dotenv)), want);
        }
    }
}

#[test]
fn several_databases_are_named_together() {
    let guards = guards();
    let stake = |name: &str| Stake {
        database: name.into(),
        at: "x".into(),
        whereabouts: Whereabouts::Here,
        marks: Vec::new(),
        size: None,
        sessions: ["a", "b", "c", "d", "e", "f", "g"].map(String::from).into(),
        safety: Safety::BackedUp,
    };

    let risk = Risk::ReplacesData {
        stakes: vec![stake("app"), stake("other")],
        answer: "app other".into(),
        pins: Vec::new(),
        recovery: None,
    };

    for (name, want) in
        [("app other", None), ("app", Some("name all of them: `--confirm 'app other'`"))]
    {
        let c = Circumstances {
            guards: &guards,
            environment: "development",
            said_by: Origin::Default,
            consent: Consent::Confirmed(name.into()),
            person: Presence::Absent,
            agent: Agent::None,
            env: &Env::default(),
        };

        let verdicts = judge(&bare(risk.clone()), &c);
        let refused = verdicts.iter().find(|v| v.judgement == Judgement::Refused);
        assert_eq!(refused.map(|v| v.cure.as_str()), want);

        let sessions: Vec<&str> =
            verdicts.iter().filter(|v| v.guard == "sessions").map(|v| v.why.as_str()).collect();
        assert_eq!(sessions.len(), 2);

        assert_eq!(
            sessions[0],
            "connected to `app` now, and terminated if they block the change: a, b, c, d, e and 2 \
             more"
        );
    }
}

fn bare(risk: Risk) -> Plan {
    Plan::bare("db-restore", String::new(), risk)
}

/// A task that does nothing needs none.
#[test]
fn any_task_can_have_a_pin() {
    let pin = |value: &str| Pin { variable: "PULLED".into(), value: value.into() };
    let guards = Guards { pins: [("migrate".to_owned(), vec![pin("yes")])].into(), ..guards() };
    let env = |value: &str| Env::of([("PULLED", value)]);
    let step = Step::Act(Act::Remove(Deed { what: "x".into(), how: How::File("x".into()) }));

    for (task, steps, value, want) in [
        ("db-migrate", vec![step.clone()], "yes", "go"),
        ("db-migrate", vec![step.clone()], "no", "refused: pin"),
        ("db-migrate", vec![], "no", "go"),
        ("db-backup", vec![step], "no", "go"),
    ] {
        for risk in [Risk::Nothing, Risk::Adds, Risk::Migrates, Risk::RemovesBackups] {
            let env = env(value);
            let c = Circumstances {
                guards: &guards,
                environment: "production",
                said_by: Origin::Default,
                consent: Consent::Yes,
                person: Presence::Absent,
                agent: Agent::None,
                env: &env,
            };

            let plan = Plan { steps: steps.clone(), ..Plan::bare(task, String::new(), risk) };
            assert_eq!(overall(&judge(&plan, &c)), want, "{task} {value}");
        }
    }
}

#[test]
fn a_backup_needs_nobody_and_a_cleanup_does() {
    let (guards, env) = (guards(), Env::default());
    let c = |person, consent| Circumstances {
        guards: &guards,
        environment: "production",
        said_by: Origin::Default,
        consent,
        person,
        agent: Agent::Alone("A".into()),
        env: &env,
    };

    for (risk, person, consent, want) in [
        (Risk::Adds, Presence::Absent, Consent::Ask, "go"),
        (Risk::Adds, Presence::AtTerminal, Consent::Ask, "ask"),
        (Risk::Adds, Presence::AtTerminal, Consent::Yes, "go"),
        (Risk::Migrates, Presence::Absent, Consent::Yes, "go"),
        (Risk::RemovesBackups, Presence::Absent, Consent::Ask, "refused: confirmation"),
        (Risk::RemovesBackups, Presence::Absent, Consent::Yes, "go"),
        (Risk::Nothing, Presence::Absent, Consent::Ask, "go"),
    ] {
        assert_eq!(
            overall(&judge(&bare(risk.clone()), &c(person, consent.clone()))),
            want,
            "{risk:?} {person:?} {consent:?}"
        );
    }
}

#[test]
fn a_strangers_file_is_tried_where_live_data_may_be_replaced_and_asked_for_where_it_can_do_everything()
 {
    let (guards, env) = (guards(), Env::default());
    let alone = Agent::Alone("A".into());
    use Powers::{All, Contained, Own};
    use Word::{Given, Missing};
    for (purpose, powers, word, environment, agent, consent, want) in [
        (Purpose::Trial, Contained, Missing, "development", Agent::None, Consent::Ask, "go"),
        (
            Purpose::Trial,
            Contained,
            Missing,
            "production",
            Agent::None,
            Consent::Yes,
            "refused: environment",
        ),
        (
            Purpose::Trial,
            Contained,
            Missing,
            "development",
            alone.clone(),
            Consent::Yes,
            "refused: agent",
        ),
        (Purpose::Trial, Own, Missing, "development", Agent::None, Consent::Yes, "refused: author"),
        (
            Purpose::Trial,
            Own,
            Given,
            "development",
            Agent::None,
            Consent::Ask,
            "go (warned: author)",
        ),
        (
            Purpose::Trial,
            All,
            Given,
            "production",
            Agent::None,
            Consent::Yes,
            "refused: environment (warned: author)",
        ),
        (Purpose::Restore, Contained, Missing, "production", alone.clone(), Consent::Ask, "go"),
        (
            Purpose::Restore,
            Own,
            Missing,
            "development",
            Agent::None,
            Consent::Yes,
            "refused: author",
        ),
        (
            Purpose::Restore,
            All,
            Missing,
            "development",
            Agent::None,
            Consent::Yes,
            "refused: author",
        ),
        (
            Purpose::Restore,
            All,
            Given,
            "production",
            Agent::None,
            Consent::Yes,
            "refused: environment (warned: author)",
        ),
        (
            Purpose::Restore,
            All,
            Given,
            "development",
            Agent::None,
            Consent::Ask,
            "go (warned: author)",
        ),
        (
            Purpose::Restore,
            All,
            Given,
            "development",
            alone,
            Consent::Yes,
            "refused: agent (warned: author)",
        ),
    ] {
        let c = Circumstances {
            guards: &guards,
            environment,
            said_by: Origin::Default,
            consent: consent.clone(),
            person: Presence::Absent,
            agent,
            env: &env,
        };
        let stake = Stake {
            database: "app".into(),
            at: "x".into(),
            whereabouts: Whereabouts::Here,
            marks: Vec::new(),
            size: None,
            sessions: Vec::new(),
            safety: Safety::Kept,
        };
        let author = Author { role: "shop".into(), powers, why: None, word };
        let plan =
            Plan { author: Some(author), ..bare(Risk::Stranger { stakes: vec![stake], purpose }) };
        assert_eq!(
            overall(&judge(&plan, &c)),
            want,
            "{purpose:?} {powers:?} {word:?} {environment} {consent:?}"
        );
    }
}
