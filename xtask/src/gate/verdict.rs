//! Deciding is pure: circumstances in, one verdict per guard out, each with its reason and its
//! cure.

use super::{recovery, testing};
use crate::cmd::quoted;
use crate::config::environment::Origin;
use crate::config::{Env, Guards, Pin};
use crate::plan::{Author, Plan, Powers, Purpose, Risk, Safety, Stake, Whereabouts, Word};

/// Everything that the guards look at, beside the plan's risk.
#[derive(Debug, Clone)]
pub struct Circumstances<'a> {
    /// The project's rules.
    pub guards: &'a Guards,
    /// The project's environment.
    pub environment: &'a str,
    /// Who says so.
    pub said_by: Origin,
    /// What the command line says.
    pub consent: Consent,
    /// Who is there to be asked.
    pub person: Person,
    /// Whether a coding agent runs this.
    pub agent: Agent,
    /// The environment: a pin is pulled there.
    pub env: &'a Env,
}

/// What the command line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consent {
    /// Nothing: ask.
    Ask,
    /// Nothing, and the task asks nobody, for it adds something.
    Unasked,
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
    /// One that carries a person's words; they count for the task and the databases that are in
    /// them.
    Sent {
        /// The variable that it is known by.
        agent: String,
        /// The words.
        words: String,
    },
}

/// Variables that coding agents set in the shells they run.
const AGENTS: [&str; 6] =
    ["CLAUDECODE", "CURSOR_AGENT", "GEMINI_CLI", "CODEX_SANDBOX", "AI_AGENT", "OPENCODE"];

impl Agent {
    /// Looks for an agent; `words` is the variable that carries the person's words. An agent's
    /// variable counts though it is empty: to be found only makes things stricter.
    pub fn detect(env: &Env, words: &str) -> Self {
        let Some(agent) = AGENTS.iter().find(|name| env.is_set(name)) else { return Self::None };
        // what a file holds, whoever exported it, was said once and for all
        match env.given(words).filter(|said| env.held(words, said).is_none()) {
            Some(said) => Self::Sent { agent: (*agent).into(), words: said.into() },
            None => Self::Alone((*agent).into()),
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
    /// Go on, and let everybody know.
    Warned,
    /// Ask the person.
    Ask,
    /// Stop.
    Refused,
}

/// All verdicts, refusals and passes alike: a dry run shows them all.
pub fn judge(plan: &Plan, c: &Circumstances<'_>) -> Vec<Verdict> {
    let verdicts = by_risk(plan, c);
    verdicts.into_iter().chain(plan.author.as_ref().map(|a| author(a, c))).collect()
}

fn by_risk(plan: &Plan, c: &Circumstances<'_>) -> Vec<Verdict> {
    match &plan.risk {
        Risk::Nothing => wanted(plan, c),
        Risk::Adds | Risk::Migrates => {
            wanted(plan, c).into_iter().chain([question(Judgement::Passed, c)]).collect()
        }
        Risk::RemovesBackups => {
            wanted(plan, c).into_iter().chain([question(Judgement::Refused, c)]).collect()
        }
        Risk::Stranger { stakes, purpose } => {
            wanted(plan, c).into_iter().chain(stranger(plan, stakes, *purpose, c)).collect()
        }
        Risk::Changes { stakes, pins } => {
            let mut verdicts = live_data(stakes, pins, c);
            verdicts.push(agent(plan.task, stakes, c));
            verdicts
        }
        Risk::ReplacesData { stakes, pins, recovery, .. } => {
            let mut verdicts = live_data(stakes, pins, c);
            verdicts.extend(stakes.iter().filter_map(|stake| testing::of(stake, c)));
            verdicts.extend(stakes.iter().filter_map(backup));
            verdicts.extend(stakes.iter().filter_map(sessions));
            verdicts.push(agent(plan.task, stakes, c));

            verdicts.push(confirmation(stakes, c));
            match recovery {
                Some(recovery) => {
                    recovery::considered(verdicts, stakes, recovery, plan.author.as_ref(), c)
                }
                None => verdicts,
            }
        }
    }
}

/// A trial of a stranger's file has no business beside production's data; a restore of one may be
/// what production needs, but never with functions that could do everything there.
fn stranger(
    plan: &Plan,
    stakes: &[Stake],
    purpose: Purpose,
    c: &Circumstances<'_>,
) -> Vec<Verdict> {
    let mut verdicts = Vec::new();

    if purpose == Purpose::Trial
        || plan.author.as_ref().is_some_and(|author| author.powers == Powers::All)
    {
        verdicts.extend(live_data(stakes, &[], c));
        verdicts.push(agent(plan.task, stakes, c));
    }

    verdicts.push(question(Judgement::Passed, c));
    verdicts
}

/// Where a file's functions run as the project's own role, a person has to have said that they may:
/// at the terminal, or by a flag of its own. `--yes` says yes to what the plan does, and the plan
/// does not know what is in them.
fn author(author: &Author, c: &Circumstances<'_>) -> Verdict {
    let role = &author.role;
    let cure = format!(
        "if its author is trusted, `--trust=role` lets the file's functions run as `{role}`"
    );

    match (author.powers, author.word, c.person) {
        (Powers::Contained, ..) => verdict(
            "author",
            Judgement::Passed,
            "the file's functions run as a role that is made for this run",
            "",
        ),
        (_, Word::Given, _) => verdict(
            "author",
            Judgement::Warned,
            format!("the file's functions run as `{role}`: its author is trusted"),
            "",
        ),
        (_, Word::Missing, Person::AtTerminal) => verdict(
            "author",
            Judgement::Ask,
            format!("the file's functions would run as `{role}`: you will be asked"),
            "",
        ),
        (_, Word::Missing, Person::Absent) => verdict(
            "author",
            Judgement::Refused,
            format!("the file's functions would run as `{role}`, and nobody can be asked"),
            cure,
        ),
    }
}

/// The pins that the file gives to a task that does something and puts no live data at stake.
fn wanted(plan: &Plan, c: &Circumstances<'_>) -> Vec<Verdict> {
    let wanted = c.guards.pins_of(plan.task.trim_start_matches("db-"));
    wanted.iter().filter(|_| !plan.steps.is_empty()).map(|wanted| pin(wanted, c)).collect()
}

/// Whether live data may be touched at all.
fn live_data(stakes: &[Stake], wanted: &[Pin], c: &Circumstances<'_>) -> Vec<Verdict> {
    let mut verdicts = vec![environment(c)];
    verdicts.extend(stakes.iter().map(|stake| host(stake, c)));
    verdicts.extend(stakes.iter().map(|stake| marker(stake, c)));
    verdicts.extend(wanted.iter().map(|wanted| pin(wanted, c)));
    verdicts
}

pub(super) fn verdict(
    guard: &'static str,
    judgement: Judgement,
    why: impl Into<String>,
    cure: impl Into<String>,
) -> Verdict {
    Verdict { guard, judgement, why: why.into(), cure: cure.into() }
}

fn environment(c: &Circumstances<'_>) -> Verdict {
    if c.guards.protects(c.environment) {
        let (named, who) = match c.said_by {
            Origin::Variable("ENVIRONMENT") | Origin::Default => {
                (String::new(), "ENVIRONMENT".to_owned())
            }
            Origin::Variable(name) => {
                (format!(" by {name}"), format!("{name}, or say it in ENVIRONMENT"))
            }
            Origin::File => (String::new(), "`project.environment` in `db-tasks.toml`".to_owned()),
        };

        let cure = format!(
            "no flag lifts this; if this is not production, correct {who}; a backup can be \
             restored beside it (`db-restore --as OTHER_DATABASE`)"
        );
        let why = format!(
            "this project's environment is `{}`{named}, where no live data is replaced",
            c.environment
        );

        return verdict("environment", Judgement::Refused, why, cure);
    }

    verdict("environment", Judgement::Passed, format!("`{}` is not protected", c.environment), "")
}

fn host(stake: &Stake, c: &Circumstances<'_>) -> Verdict {
    let (listed, why) = match &stake.whereabouts {
        Whereabouts::Here => {
            return verdict(
                "host",
                Judgement::Passed,
                format!("`{}` is on this machine ({})", stake.database, stake.at),
                "",
            );
        }
        Whereabouts::Elsewhere(host) => (vec![host.clone()], "which is not this machine"),
        Whereabouts::Unshown { host, port } => (
            vec![format!("{host}:{port}"), host.clone()],
            "and nothing shows that its server is this machine's: it may be at the other end of a \
             tunnel",
        ),
    };

    let allowed =
        |host: &&String| c.guards.allowed_hosts.iter().any(|h| h.eq_ignore_ascii_case(host));

    if let Some(host) = listed.iter().find(allowed) {
        return verdict(
            "host",
            Judgement::Passed,
            format!("`{host}` is listed in `guards.allowed-hosts`"),
            "",
        );
    }

    let host = &listed[0];
    let cure = format!(
        "if its data may be replaced, add \"{host}\" to `guards.allowed-hosts` in `db-tasks.toml`"
    );

    verdict("host", Judgement::Refused, format!("`{}` is on `{host}`, {why}", stake.database), cure)
}

fn marker(stake: &Stake, c: &Circumstances<'_>) -> Verdict {
    if let Some(mark) = stake.marks.iter().find(|mark| c.guards.protects(&mark.environment)) {
        let cure = format!("no flag lifts this; if it is wrong, {}", mark.lifted(&stake.database));
        let why = format!(
            "the database `{}` itself says that it is `{}`",
            stake.database, mark.environment
        );
        return verdict("marker", Judgement::Refused, why, cure);
    }

    match stake.marks.first() {
        Some(mark) => verdict(
            "marker",
            Judgement::Passed,
            format!("the database says that it is `{}`", mark.environment),
            "",
        ),
        None => verdict("marker", Judgement::Passed, "the database carries no marker", ""),
    }
}

/// A pin is pulled for this very run, in the environment: a file would pull it once and for all.
fn pin(pin: &Pin, c: &Circumstances<'_>) -> Verdict {
    let variable = &pin.variable;
    if let Some(file) = c.env.held(variable, &pin.value) {
        let why = format!(
            "`{pin}` stands in `{file}`, which would pull this safety pin once and for all, \
             whoever exports it"
        );
        return verdict(
            "pin",
            Judgement::Refused,
            why,
            format!("take it out of `{file}`, and set it for one run"),
        );
    }

    let why = match (c.env.given(variable), c.env.get(variable)) {
        (Some(value), _) if value == pin.value => {
            return verdict("pin", Judgement::Passed, format!("`{pin}` is set"), "");
        }
        (Some(_), _) => format!("`{variable}` is set, and not to `{}`", pin.value),
        (None, Some(_)) => format!(
            "`{variable}` is set in `.env` alone: a file would pull this safety pin once and for \
             all"
        ),
        (None, None) => format!(
            "`{variable}` is not set: it is the safety pin that keeps scripts and slips from \
             doing this"
        ),
    };

    let export = format!("export {variable}={}", quoted(&pin.value));
    let cure = format!(
        "look first (`--dry-run` needs no pin); then `{export}`, and `unset {variable}` when it \
         is done"
    );

    verdict("pin", Judgement::Refused, why, cure)
}

fn backup(stake: &Stake) -> Option<Verdict> {
    let database = &stake.database;

    match &stake.safety {
        Safety::Kept => None,
        Safety::BackedUp => {
            let why = format!(
                "`{database}` is backed up first; nothing is touched before that backup has \
                 proved good"
            );
            Some(verdict("backup", Judgement::Passed, why, ""))
        }
        Safety::Bare(newest) => {
            let last = newest.as_ref().map_or("there is no good one at all".into(), |b| {
                format!("the newest good one is {b}")
            });
            let why = format!("NO backup of `{database}` is made: what goes is gone; {last}");

            Some(verdict(
                "backup",
                Judgement::Warned,
                why,
                "give `--backup`, or run `db-backup` before",
            ))
        }
    }
}

/// How many of the connected are named.
const NAMED: usize = 5;

fn sessions(stake: &Stake) -> Option<Verdict> {
    let (named, more) =
        (stake.sessions.iter().take(NAMED), stake.sessions.len().saturating_sub(NAMED));
    let mut list = named.cloned().collect::<Vec<_>>().join(", ");
    if more > 0 {
        list.push_str(&format!(" and {more} more"));
    }

    let why = format!(
        "connected to `{}`, and cut off where they stand in the way: {list}",
        stake.database
    );
    (!stake.sessions.is_empty()).then(|| verdict("sessions", Judgement::Warned, why, ""))
}

fn agent(task: &str, stakes: &[Stake], c: &Circumstances<'_>) -> Verdict {
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
        let why = format!("a coding agent ({agent}) with a person's words in `{variable}`");
        return verdict("agent", Judgement::Passed, why, "");
    }

    let but = match said {
        Some(_) if is_no => format!("; the words in `{variable}` say no, or may"),
        Some(_) => format!("; the words in `{variable}` are not about that"),
        None => String::new(),
    };

    let example = format!("{variable}={}", quoted(&wanted.join(" ")));

    verdict(
        "agent",
        Judgement::Refused,
        format!("a coding agent runs this ({agent}), and live data would be replaced{but}"),
        format!(
            "ask the person, and set `{variable}` to their words, with the task and the database \
             in them: `{example}`"
        ),
    )
}

/// Whether somebody's words may mean no: `do not db-restore app` has the task and the database in
/// it, too. In doubt they do.
fn says_no(text: &str, wanted: &[&str]) -> bool {
    const NO: [&str; 10] =
        ["no", "not", "never", "cannot", "dont", "stop", "nein", "nicht", "nie", "kein"];
    let lower = text.to_lowercase().replace('’', "'");
    let words = lower
        .split(|c: char| !c.is_alphanumeric() && !matches!(c, '\'' | '_' | '-' | '$'))
        .map(|word| word.trim_matches('\''));
    let is_name = |word: &str| wanted.iter().any(|name| name.to_lowercase() == word);
    words.into_iter().any(|word| !is_name(word) && (NO.contains(&word) || word.ends_with("n't")))
}

/// Whether a name stands in a text as a word of its own.
fn holds(text: &str, word: &str) -> bool {
    let part_of_a_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$');
    let alone = |at: usize| {
        let (before, after) =
            (text[..at].chars().next_back(), text[at + word.len()..].chars().next());
        !before.is_some_and(part_of_a_name) && !after.is_some_and(part_of_a_name)
    };
    !word.is_empty() && text.match_indices(word).any(|(at, _)| alone(at))
}

fn confirmation(stakes: &[Stake], c: &Circumstances<'_>) -> Verdict {
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

/// Whether somebody has to be asked, and what happens when nobody is there.
fn question(nobody_there: Judgement, c: &Circumstances<'_>) -> Verdict {
    match (&c.consent, c.person) {
        (Consent::Yes, _) => verdict("confirmation", Judgement::Passed, "`--yes` was given", ""),
        (Consent::Confirmed(_), _) => {
            verdict("confirmation", Judgement::Passed, "`--confirm` was given", "")
        }
        (Consent::Ask, Person::AtTerminal) => {
            verdict("confirmation", Judgement::Ask, "you will be asked", "")
        }
        (Consent::Unasked, _) => {
            verdict("confirmation", Judgement::Passed, "nothing can be lost", "")
        }
        (Consent::Ask, Person::Absent) => {
            let why = if nobody_there == Judgement::Refused {
                "nobody can be asked: standard input is no terminal"
            } else {
                "nothing can be lost"
            };

            verdict(
                "confirmation",
                nobody_there,
                why,
                if nobody_there == Judgement::Refused { "give `--yes`" } else { "" },
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::postgres::marker::{Mark, MarkedBy};
    use crate::plan::{Act, Deed, How, Recovery, Step};
    use std::collections::BTreeMap;
    use std::fmt::Write;

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
        person: Person,
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
        person: Person::Absent,
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
            person: Person::Absent,
            agent: Agent::None,
            env: &env,
        };

        let refused = pin(&Pin { variable: "WIPE".into(), value: "true".into() }, &c);
        assert_eq!(refused.judgement, Judgement::Refused);

        assert_eq!(
            refused.why,
            "`WIPE=true` stands in `.env`, which would pull this safety pin once and for all, \
             whoever exports it"
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
            let words = format!(
                "{:?} | {:?} | {:?} | {:?}",
                case.pin, case.safety, case.person, case.consent
            );
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
        let all =
            Author { role: "postgres".into(), powers: Powers::All, why: None, word: Word::Given };

        let case = Case {
            environment: "production",
            recovery: Some(Recovery { of: "b".into(), drops: Vec::new() }),
            ..BENIGN
        };

        let verdicts = case.judged_of(&guards, &envs[1].1, Some(all));
        assert_eq!(overall(&verdicts), "refused: environment, production (warned: author)");

        let drops = Recovery { of: "b".into(), drops: vec!["app__previous".into()] };
        for person in [Person::AtTerminal, Person::Absent] {
            let case =
                Case { environment: "production", person, recovery: Some(drops.clone()), ..BENIGN };
            assert_eq!(
                overall(&case.judged_in(&guards, &envs[1].1)),
                "refused: kept (warned: environment)"
            );
        }
    }

    fn held(table: &str, name: &str) {
        let path = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/snapshots"))
            .join(name);
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
                    for person in [Person::AtTerminal, Person::Absent] {
                        for consent in [
                            Consent::Ask,
                            Consent::Yes,
                            Consent::Confirmed("app".into()),
                            Consent::Confirmed("other".into()),
                        ] {
                            for agent in
                                [Agent::None, Agent::Alone("A".into()), sent("db-restore app")]
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
                    (Person::AtTerminal, Consent::Ask),
                    (Person::Absent, Consent::Ask),
                    (Person::Absent, Consent::Yes),
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
                        let parts: Vec<_> =
                            alone.iter().flat_map(|one| of(one, judgement)).collect();
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
            let case = Case {
                consent,
                person: Person::AtTerminal,
                agent: sent("db-restore app"),
                ..BENIGN
            };

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
                person: Person::Absent,
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
                "connected to `app`, and cut off where they stand in the way: a, b, c, d, e and 2 \
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
                    person: Person::Absent,
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
            (Risk::Adds, Person::Absent, Consent::Ask, "go"),
            (Risk::Adds, Person::AtTerminal, Consent::Ask, "ask"),
            (Risk::Adds, Person::AtTerminal, Consent::Yes, "go"),
            (Risk::Migrates, Person::Absent, Consent::Yes, "go"),
            (Risk::RemovesBackups, Person::Absent, Consent::Ask, "refused: confirmation"),
            (Risk::RemovesBackups, Person::Absent, Consent::Yes, "go"),
            (Risk::Nothing, Person::Absent, Consent::Ask, "go"),
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
            (
                Purpose::Trial,
                Own,
                Missing,
                "development",
                Agent::None,
                Consent::Yes,
                "refused: author",
            ),
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
                person: Person::Absent,
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
            let plan = Plan {
                author: Some(author),
                ..bare(Risk::Stranger { stakes: vec![stake], purpose })
            };
            assert_eq!(
                overall(&judge(&plan, &c)),
                want,
                "{purpose:?} {powers:?} {word:?} {environment} {consent:?}"
            );
        }
    }
}
