//! A set of a database and its stores that is struck: once the next run has cleaned up, all of it is
//! old or all of it is new.

use std::fmt::Debug;
use std::time::Instant;

use super::kill::{moments, struck};
use super::{Project, sessions, signal, until};
use crate::support::server::Server;

/// A database with stores beside it, and the project that has them.
pub trait Set {
    /// All that is live.
    type State: PartialEq + Debug;

    fn project(&self) -> &Project;

    fn database(&self) -> (&Server, &str);

    fn state(&self) -> Self::State;

    /// What is only on its way: nothing of it may be left.
    fn on_the_way(&self) -> Vec<String>;
}

/// How a set is struck.
pub struct Strikes<'a> {
    /// The command, which swaps it; `db-undo` swaps it back.
    pub words: &'a str,
    pub signals: &'a [&'a str],
    /// Points in time, besides those at each step.
    pub points: u32,
}

/// The set is `new` to begin with, and `words` brings the `old` one back.
pub fn all_or_nothing<S: Set>(set: &S, old: &S::State, new: &S::State, strikes: &Strikes<'_>) {
    let Strikes { words, signals, points } = strikes;
    let (project, (server, db)) = (set.project(), set.database());

    let begun = Instant::now();
    let steps = project.ok(words).err.lines().filter(|l| l.starts_with("  ✓")).count();
    let whole = begun.elapsed();
    project.ok("db-undo --yes");

    let (mut tried, mut forward) = (0, 0);
    for name in *signals {
        for at in moments(steps, whole, *points) {
            let after = format!("`{words}` and SIG{name} at {at:?} of {steps}");
            let outcome = struck(project, words, at, |child| signal(child, name));
            assert!(matches!(outcome.code, Some(0 | 130) | None), "{after}: {outcome:?}");

            let repaired = project.ok("db-repair");
            until("its sessions have gone", || sessions(server, db) == 0);

            let told = format!("{after}: {outcome:?} {repaired:?}");
            let now = set.state();
            assert!(now == *old || now == *new, "neither the old set nor the new one: {told}");
            assert_eq!(set.on_the_way(), Vec::<String>::new(), "{told}");

            if now == *old {
                forward += 1;
                project.ok("db-undo --yes");
            }

            assert!(set.state() == *new, "what was undone is not what was there: {told}");
            tried += 1;
        }
    }

    println!(
        "{words} of a set: {steps} steps, {tried} points, {forward} came through, 0 lost data"
    );
}
