//! A plan in words: derived from its argv, paths and SQL, never written separately.

use std::fmt::Write;

use super::shown;
use crate::cmd::{Cmd, shown_sql};
use crate::engine::postgres::script::PIECE;
use crate::gate::{Judgement, Verdict};
use crate::plan::{
    Act, By, Count, Deed, Fence, Handover, How, Load, Plan, Scope, Sink, Source, Step, words,
};

/// One act in a line.
pub fn act(act: &Act) -> String {
    format!("{:<8}{}", words::verb(act), shown::line(&words::object(act)))
}

/// How much of a plan is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Each step in a line.
    Steps,
    /// Its commands and their SQL, too.
    Commands,
}

/// The whole plan.
pub fn plan(plan: &Plan, verdicts: &[Verdict], detail: Detail) -> String {
    let mut out = format!("{}: {}\n", plan.task, shown::line(&plan.headline));
    let notes =
        if detail == Detail::Steps { super::banner::notes(plan) } else { plan.notes.clone() };

    for note in notes.iter().chain(&super::banner::stakes(plan)) {
        let _ = writeln!(out, "  note: {}", shown::line(note));
    }
    if plan.steps.is_empty() {
        out.push_str("  nothing to do\n");
    }

    let mut number = 0;
    steps(&plan.steps, (0, detail), &mut number, &mut out);
    guards(verdicts, &mut out);

    if detail == Detail::Steps && plan.acts().into_iter().any(|act| !commands(act).is_empty()) {
        out.push_str("`--verbose` shows the commands and SQL of each step\n");
    }

    out
}

fn guards(verdicts: &[Verdict], out: &mut String) {
    if !verdicts.is_empty() {
        out.push_str("guards:\n");
    }

    for v in verdicts {
        let word = match v.judgement {
            Judgement::Passed => "pass",
            Judgement::Warned => "WARN",
            Judgement::Ask => "ask",
            Judgement::Refused => "REFUSE",
        };

        let _ = writeln!(out, "  {word:<7} {}: {}", v.guard, shown::line(&v.why));
        if !v.cure.is_empty() {
            let _ = writeln!(out, "          next: {}", shown::line(&v.cure));
        }
    }
}

fn steps(list: &[Step], (depth, detail): (usize, Detail), number: &mut u32, out: &mut String) {
    for step in list {
        match step {
            Step::Act(a) => {
                *number += 1;
                let _ = writeln!(out, "{}{number:>3}. {}", "  ".repeat(depth), act(a));
                details(a, (depth, detail), out);
            }
            Step::Scope(scope) => scope_steps(scope, (depth, detail), number, out),
        }
    }
}

fn scope_steps(
    scope: &Scope,
    (depth, detail): (usize, Detail),
    number: &mut u32,
    out: &mut String,
) {
    let first = *number + 1;
    steps(&scope.body, (depth, detail), number, out);

    // scopes are nested: a title says which steps it is about
    let failure = if first == *number {
        format!("if step {first} fails:")
    } else {
        format!("if any of steps {first} to {number} fails:")
    };

    let always = if first > *number {
        "then, in any case:".to_owned()
    } else if first == *number {
        format!("after step {first}, in any case:")
    } else {
        format!("after steps {first} to {number}, in any case:")
    };

    let on_failure: Vec<&Act> = scope.on_failure.iter().chain(&scope.at_once).collect();
    for (title, acts) in [(failure, on_failure), (always, scope.finally.iter().collect())] {
        if !acts.is_empty() {
            let _ = writeln!(out, "{}     {title}", "  ".repeat(depth));
        }
        for a in acts {
            let _ = writeln!(out, "{}       - {}", "  ".repeat(depth), act(a));
            details(a, (depth + 1, detail), out);
        }
    }
}

/// A command as it is shown, with names instead of secrets, and what it reads.
pub struct Shown<'a> {
    /// The command.
    pub command: &'a Cmd,
    /// Our SQL, line by line; a dump is described in words.
    pub input: Vec<String>,
}

/// The commands of an act, as they are shown.
pub fn shown(act: &Act) -> Vec<Shown<'_>> {
    let own = |cmd: &Cmd| cmd.input.iter().flat_map(|sql| shown_lines(sql)).collect();
    let mut all: Vec<Shown<'_>> =
        commands(act).into_iter().map(|command| Shown { command, input: own(command) }).collect();
    let load = load_of(act);
    let at = load.and_then(|load| commands(act).into_iter().position(|cmd| *cmd == load.cmd));

    if let (Some(load), Some(first)) = (load, at.and_then(|at| all.get_mut(at))) {
        let Load { before, after, count, between, .. } = load;
        let piece = |_: &String| {
            format!(
                ", with a COMMIT after every {PIECE} statements if the transaction is still ours"
            )
        };
        let pieces = between.as_ref().map_or(String::new(), piece);
        let dump = format!("(the dump{pieces}; the rest follows only once it is verified)");
        let lines = |sql: &str| {
            shown_lines(sql).into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>()
        };

        first.input.extend(shown_lines(before));
        first.input.extend(fenced(load.fence, &dump));
        if let Count::First(sql) = count {
            first.input.extend(lines(sql));
            first.input.push("(the rest follows only if all rows are there)".into());
        }

        first.input.extend(lines(after));

        if let By::Loader(Some(handover)) = &load.by {
            all.push(given(handover, load.fence));
        }
    }

    all
}

/// The psql that loads a dump.
fn load_of(act: &Act) -> Option<&Load> {
    match act {
        Act::Pipe(pipe) => {
            if let Sink::Psql(load) = &pipe.to {
                Some(load)
            } else {
                None
            }
        }
        Act::Write(Deed { how: How::Reload(reload), .. }) => Some(&reload.load),
        _ => None,
    }
}

/// What a loader role can't do.
fn given(handover: &Handover, fence: Fence) -> Shown<'_> {
    let Handover { cmd, before, between, after } = handover;
    let parts = [
        shown_lines(before),
        fenced(
            fence,
            "(the owners, rights and comments of the dump, its publications and subscriptions)",
        ),
        shown_lines(between),
        fenced(fence, "(the event triggers of the dump)"),
        shown_lines(after),
    ];
    Shown { command: cmd, input: parts.concat() }
}

/// What psql gets of a dump, with what restricts it to SQL meanwhile.
fn fenced(fence: Fence, what: &str) -> Vec<String> {
    let line = |line| (fence == Fence::Restricted).then_some(line);
    let lines = line("\\restrict (a key of this run)")
        .into_iter()
        .chain([what])
        .chain(line("\\unrestrict (that key)"));
    lines.map(String::from).collect()
}

/// SQL line by line, without secret values.
fn shown_lines(sql: &str) -> Vec<String> {
    shown_sql(sql).lines().map(String::from).collect()
}

fn commands(act: &Act) -> Vec<&Cmd> {
    match act {
        Act::Create(d) | Act::Rename(d) | Act::Remove(d) | Act::Write(d) => match &d.how {
            How::Command(cmd) | How::Unbroken(cmd) => vec![cmd],
            How::Meanwhile(cmd, other) => vec![other, cmd],
            How::Live(cmd, other) => other.iter().chain([cmd]).collect(),
            How::Hook(hook) => vec![&hook.cmd],
            How::Reload(reload) => {
                reload.back.iter().map(|back| &back.only_if).chain([&reload.load.cmd]).collect()
            }
            _ => vec![],
        },
        Act::Check(c) => vec![&c.cmd],
        Act::Wait(w) => vec![&w.cmd],
        Act::Pipe(p) => {
            let from: Vec<&Cmd> = match &p.from {
                Source::Command(cmd) | Source::Filtered { through: cmd, .. } => vec![cmd],
                Source::Dump(dumping) => dumping.session.iter().chain([&dumping.dump]).collect(),
                Source::File { .. } | Source::Store(_) | Source::Sealed(_) => vec![],
            };

            let load = load_of(act);
            let beside =
                load.and_then(
                    |load| if let Count::Shared(cmd) = &load.count { Some(cmd) } else { None },
                );

            load.map(|load| &load.cmd).into_iter().chain(beside).chain(from).collect()
        }
        Act::Seal(_) => vec![],
    }
}

/// A line that names thousands of tables is broken into several, after commas.
fn folded(line: &str) -> Vec<String> {
    const LONG: usize = 1000;
    const MOST: usize = 160;

    if line.len() <= LONG {
        return vec![line.to_owned()];
    }

    let mut lines = vec![String::new()];
    for part in line.split_inclusive(',') {
        if lines.last().is_some_and(|last| !last.is_empty() && last.len() + part.len() > MOST) {
            lines.push("  ".into());
        }
        if let Some(last) = lines.last_mut() {
            last.push_str(part);
        }
    }

    lines
}

fn details(act: &Act, (depth, detail): (usize, Detail), out: &mut String) {
    if detail == Detail::Steps {
        return;
    }

    let indent = "  ".repeat(depth);
    for Shown { command, input } in shown(act) {
        let _ = writeln!(out, "{indent}       $ {command}");
        for line in input.iter().flat_map(|line| folded(line)) {
            let _ = writeln!(out, "{indent}         | {line}");
        }
    }
}

#[cfg(test)]
mod tests;
