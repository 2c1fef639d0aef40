//! A dry run's document read back: what it promises to run, in which order, and what follows a failure.

use std::collections::BTreeMap;

use db_tasks::cmd::shown_sql;
use db_tasks::engine::postgres::script::{Scanner, Withheld};
use db_tasks::value::Spare;
use serde_json::Value;

use super::Call;

/// What stands in a dry run, from top to bottom.
#[derive(Debug, Clone)]
pub enum Line {
    /// A step of the body.
    Step { number: usize, commands: Vec<Promise> },
    /// Follows a failure of one of these steps.
    OnFailure { first: usize, last: usize, commands: Vec<Vec<Promise>> },
    /// Follows in any case, once the first of its steps is reached.
    Finally { first: usize, commands: Vec<Vec<Promise>> },
}

/// A command as a dry run shows it.
#[derive(Debug, Clone, Default)]
pub struct Promise {
    /// A secret has no value here.
    env: BTreeMap<String, Option<String>>,
    argv: Vec<String>,
    sql: Vec<String>,
}

/// Calls that begin together, in either order.
#[derive(Debug, Clone, Default)]
pub struct Together {
    pub calls: Vec<Promise>,
    /// Ended by the tool when its companion has failed, perhaps before it could write itself down.
    pub maybe: Vec<Promise>,
}

/// Which command of which step fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    pub step: usize,
    pub command: usize,
}

/// Reads the steps of a dry run's document.
pub fn read(steps: &Value) -> Vec<Line> {
    let mut lines = Vec::new();
    add(steps, &mut 0, &mut lines);
    lines
}

fn add(steps: &Value, number: &mut usize, lines: &mut Vec<Line>) {
    for step in list(steps) {
        if step.get("id").is_some() {
            *number += 1;
            lines.push(Line::Step { number: *number, commands: commands(step) });
            continue;
        }

        let first = *number + 1;
        add(&step["steps"], number, lines);
        let acts = |key: &str| list(&step[key]).iter().map(commands).collect::<Vec<_>>();

        let commands = acts("on_failure");
        lines.push(Line::OnFailure { first, last: *number, commands });
        lines.push(Line::Finally { first, commands: acts("finally") });
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// What is asked until it answers is asked as often as need be.
fn commands(act: &Value) -> Vec<Promise> {
    let promises = list(&act["commands"]).iter().map(Promise::of);
    promises.filter(|promise| !super::is_wait(&promise.argv)).collect()
}

impl Promise {
    fn of(command: &Value) -> Self {
        let texts = |value: &Value| serde_json::from_value(value.clone()).unwrap();
        Self {
            env: serde_json::from_value(command["env"].clone()).unwrap(),
            argv: texts(&command["argv"]),
            sql: texts(&command["input"]),
        }
    }
}

/// What will be seen, where this fails or nothing does.
pub fn expect(lines: &[Line], failure: Option<Failure>) -> Vec<Together> {
    let failed = failure.map_or(usize::MAX, |f| f.step);
    let mut seen = Vec::new();

    for line in lines {
        match line {
            Line::Step { number, commands } if *number < failed => {
                seen.push(Together { calls: commands.clone(), maybe: vec![] })
            }
            Line::Step { number, commands } if *number == failed => {
                let at = failure.map_or(0, |f| f.command);
                let (calls, maybe) =
                    commands.iter().enumerate().partition::<Vec<_>, _>(|(n, _)| *n == at);
                let own = |list: Vec<(usize, &Promise)>| {
                    list.into_iter().map(|(_, p)| p.clone()).collect()
                };
                seen.push(Together { calls: own(calls), maybe: own(maybe) });
            }
            Line::OnFailure { first, last, commands } if (*first..=*last).contains(&failed) => {
                seen.extend(one_by_one(commands))
            }
            Line::Finally { first, commands } if *first <= failed => {
                seen.extend(one_by_one(commands))
            }
            _ => {}
        }
    }

    seen.retain(|together| !together.calls.is_empty());
    seen
}

fn one_by_one(acts: &[Vec<Promise>]) -> impl Iterator<Item = Together> + '_ {
    acts.iter().map(|calls| Together { calls: calls.clone(), maybe: vec![] })
}

/// Whether the calls are those that were promised.
#[track_caller]
pub fn assert_kept(expected: &[Together], seen: &[Call], when: &str) {
    let mut rest = seen;

    for together in expected {
        let mut open = together.calls.clone();
        let mut maybe = together.maybe.clone();
        while !(open.is_empty() && maybe.is_empty()) {
            let Some((call, others)) = rest.split_first() else { break };
            if let Some(at) = open.iter().position(|promise| promise.is_kept_by(call)) {
                open.remove(at);
            } else if let Some(at) = maybe.iter().position(|promise| promise.is_kept_by(call)) {
                maybe.remove(at);
            } else {
                break;
            }

            rest = others;
        }

        assert!(
            open.is_empty(),
            "{when}:\npromised\n{open:#?}\nseen next\n{:#?}\nall\n{seen:#?}",
            rest.first()
        );
    }

    assert!(rest.is_empty(), "{when}: nobody promised\n{rest:#?}");
}

/// What a command of a step promises.
pub fn promised(lines: &[Line], failure: Failure) -> &Promise {
    let found = lines.iter().find_map(|line| match line {
        Line::Step { number, commands } if *number == failure.step => commands.get(failure.command),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no {failure:?}"))
}

impl Promise {
    /// Whether this one loads a dump: its companion helps it, and does not make way.
    pub fn loads(&self) -> bool {
        self.sql.iter().any(|line| line.starts_with("(the dump"))
    }

    pub fn is_kept_by(&self, call: &Call) -> bool {
        let same_env = |(name, value): (&String, &Option<String>)| {
            let found = call.env.get(name);
            match value {
                // a backup's name has the second in it
                Some(value) if name != "DBTASKS_BACKUP" => {
                    found.map(|f| unnamed(f)) == Some(unnamed(value))
                }
                _ => found.is_some_and(|v| !v.is_empty()),
            }
        };

        let argv: Vec<String> = call.argv.iter().map(|word| unnamed(word)).collect();
        let own: Vec<String> = self.argv.iter().map(|word| unnamed(word)).collect();
        let program = if own[0].contains('/') {
            argv[0] == own[0]
        } else {
            argv[0].rsplit('/').next() == Some(&own[0])
        };

        program
            && argv[1..] == own[1..]
            && self.env.iter().all(same_env)
            && self.is_told_to(&call.stdin)
    }

    fn is_told_to(&self, stdin: &str) -> bool {
        // what psql is told again within a dump is no part of either
        let again = "SET standard_conforming_strings = on\\; SET client_encoding TO utf8;";
        let telling = |line: &&str| !line.is_empty() && *line != again;
        let stdin = unnamed(&shown_sql(stdin));
        let (by_loader, given, last) = shared();
        let loads_itself = self.argv.iter().any(|word| word.starts_with("db_tasks_loader_"));

        let told: Vec<&str> = stdin.lines().filter(telling).collect();
        let sql: Vec<String> = self.sql.iter().map(|line| unnamed(line)).collect();
        let mut own = Vec::new();

        for line in sql.iter().map(String::as_str).filter(telling) {
            if line.starts_with("(the dump") {
                // what pg_dump writes round large objects would end the transaction half way, and
                // its key is none of ours
                let left_out = |line: &&str| {
                    ["BEGIN;", "COMMIT;"].contains(line) || line.contains("restrict ")
                };
                let dump = if loads_itself { by_loader.as_str() } else { super::DUMP };
                own.extend(dump.lines().filter(telling).filter(|line| !left_out(line)));
            } else if line.starts_with("(the owners, rights and comments") {
                own.extend(given.lines().filter(telling));
            } else if line.starts_with("(the event triggers") {
                own.extend(last.lines().filter(telling));
            } else if line == "(the rest follows only if all rows are there)" {
            } else {
                own.push(line);
            }
        }

        told == own
    }
}

/// A run's name differs from that of the dry run before it.
fn unnamed(text: &str) -> String {
    super::said::of_any_run(&text.replace("[RUN]", "0"))
}

/// What of the dump a loader role gets, what is given when it has loaded, and what comes last.
fn shared() -> (String, String, String) {
    let mut scanner = Scanner::for_loader();
    scanner.feed(super::DUMP.as_bytes());

    let (mut own, mut given, mut last) = (String::new(), String::new(), String::new());
    let mut at = 0;
    for Withheld { at: range, what } in scanner.take_asides() {
        let (from, to) = (range.start as usize, range.end as usize);
        let statement = format!("{}\n", &super::DUMP[from..to]);
        match what {
            Spare::Handover => given += &statement,
            Spare::Last => last += &statement,
            Spare::Reading => {
                given += &statement;
                last += &statement;
                continue;
            }
            _ => {}
        }

        own += &super::DUMP[at..from];
        at = to;
    }

    own += &super::DUMP[at..];
    (own, given, last)
}

/// The commands of the steps, in order, each with its place.
pub fn failures(lines: &[Line]) -> Vec<(Failure, usize)> {
    let mut all = Vec::new();
    for line in lines {
        if let Line::Step { number, commands } = line {
            all.extend(
                (0..commands.len())
                    .map(|command| (Failure { step: *number, command }, commands.len())),
            );
        }
    }

    all
}

/// Where, among a good run's calls, those stand that are made in any case.
pub fn finally_places(lines: &[Line]) -> Vec<usize> {
    let (mut at, mut places) = (0, Vec::new());
    for line in lines {
        match line {
            Line::Step { commands, .. } => at += commands.len(),
            Line::Finally { commands, .. } => {
                let count = commands.iter().map(Vec::len).sum::<usize>();
                places.extend(at..at + count);
                at += count;
            }
            Line::OnFailure { .. } => {}
        }
    }

    places
}
