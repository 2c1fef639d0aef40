//! What each guard says, and of what.

use super::*;

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
