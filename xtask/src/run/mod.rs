//! The only code that changes the world: it executes a plan that `gate` has cleared.

mod aftermath;
mod audit;
pub mod child;
mod deed;
mod dumping;
mod hook;
mod inside;
pub mod journal;
mod last_words;
mod later;
mod lease;
mod leftover;
pub mod load;
mod lock;
mod logbook;
mod outcome;
mod pgpass;
mod pipe;
mod reload;
mod seal;
pub mod state;
pub mod store;
pub mod user_state;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use chrono::{DateTime, Utc};

use self::aftermath::{Aftermath, End};
pub use self::audit::{Entry, audit, who_and_where};
pub use self::hook::end_inside;
pub use self::journal::Journal;
pub use self::lease::{Lease, Others};
pub use self::leftover::{Leftover, conclude};
pub use self::lock::Lock;
pub use self::logbook::Logbook;
pub use self::outcome::interrupted;
use self::outcome::{bad_word, but, lost, may_do_nothing, standing, without_statistics};
pub use self::pipe::{Found, Held, Progress};
use self::pipe::{Means, pump};
pub use self::seal::record_untried;
pub use self::user_state::UserState;
use crate::bundle::Untried;
use crate::config::Secrets;
use crate::door::{Idle, Interrupt};
use crate::gate::Cleared;
use crate::plan::{Act, Deed, How, Part, Scope, Step};
use crate::problem::{About, Exit, Problem};
use crate::tasks;
use crate::value::LeftOut;

/// What a run needs in addition to its plan.
pub struct World<'a> {
    /// Values for children's environments.
    pub secrets: &'a Secrets,
    /// SIGINT and SIGTERM.
    pub interrupt: &'a Interrupt,
    /// The clock.
    pub now: fn() -> DateTime<Utc>,
    /// Whom to tell.
    pub watch: &'a mut dyn Watch,
    /// What must be cleaned up if this run is killed.
    pub journal: Journal,
    /// The session in which the first database was surveyed.
    pub idle: &'a Idle,
}

/// Told of every act as it happens.
pub trait Watch {
    /// An act begins.
    fn begin(&mut self, act: &Act);
    /// Bytes have moved.
    fn progress(&mut self, progress: &Progress);
    /// An act is done; `found` if it was a pipe.
    fn done(&mut self, act: &Act, found: Option<&Found>, took: Duration);
    /// An act of a clean-up is done, whether there was anything to do for it or not.
    fn cleaned(&mut self, act: &Act, took: Duration);
    /// A hook printed a line.
    fn line(&mut self, line: &str);
    /// An act reported something.
    fn told(&mut self, what: &str);
    /// An act failed.
    fn failed(&mut self, act: &Act, took: Duration);
}

/// What a run did.
#[derive(Debug, Default)]
pub struct Report {
    /// What the pipes found, by store.
    pub found: BTreeMap<String, Found>,
    /// Why it ended early.
    pub problem: Option<anyhow::Error>,
    /// Why the part after the work ended early: the work is done.
    pub sequel: Option<anyhow::Error>,
    /// What could not be cleaned up or started again.
    pub left_behind: Vec<Leftover>,
    /// How long it took.
    pub took: Duration,
}

/// Executes a plan. The report says what went wrong; what was begun is cleaned up before it
/// returns.
pub fn run(cleared: Cleared, world: &mut World<'_>) -> Report {
    let begun = Instant::now();
    let task = cleared.plan().task;
    let mut runner =
        Runner { world, task, report: Report::default(), aftermath: Aftermath::default() };
    let result = runner.steps(&cleared.plan().steps);
    let stands = runner.aftermath.told(task);

    let mut report = runner.report;
    let problem = result.err().map(|e| standing(e, stands));
    report.problem = problem.or_else(|| report.sequel.take().map(but));
    report.took = begun.elapsed();

    report
}

struct Runner<'r, 'w> {
    world: &'r mut World<'w>,
    task: &'static str,
    report: Report,
    aftermath: Aftermath,
}

impl Runner<'_, '_> {
    fn steps(&mut self, steps: &[Step]) -> Result<()> {
        steps.iter().try_for_each(|step| match step {
            Step::Act(act) => self.uninterrupted(act),
            Step::Scope(scope) => self.scope(scope),
        })
    }

    fn scope(&mut self, scope: &Scope) -> Result<()> {
        self.world.journal.enter(scope)?;
        let since = self.aftermath.since();
        let mut result = self.steps(&scope.body);

        if let Err(e) = &result {
            // a backup fails only for its own faults, not for those of a server that went away
            let blamed = e.downcast_ref::<Problem>().is_some_and(|p| p.about == About::Backup);
            let cleaned = self.clean_up(
                scope.on_failure.iter().filter(|act| blamed || bad_word(act).is_none()),
                Journal::keep,
            );
            self.aftermath.cleaned_up(&since, &cleaned);
            self.clean_up(&scope.at_once, |_, _| {});

            let word = scope.on_failure.iter().find_map(bad_word).filter(|_| !blamed);
            result = result.map_err(|e| match word {
                Some((manifest, how)) => self.untried(manifest, how, e),
                None => e,
            });
        }

        let due = if result.is_ok() && self.task != tasks::REPAIR.name {
            Due::Surely
        } else {
            Due::Perhaps
        };
        self.in_any_case(&scope.finally, Journal::keep, due);
        if let Err(e) = self.world.journal.leave() {
            self.report.left_behind.push(Leftover::unwritten(e));
        }

        match result {
            Err(e) if scope.part == Part::Sequel && !self.world.interrupt.hit() => {
                self.report.sequel = Some(e);
                Ok(())
            }
            result => result,
        }
    }

    /// A trial that did not finish says nothing against the backup: that is recorded and reported.
    fn untried(&mut self, manifest: &Path, how: &str, error: anyhow::Error) -> anyhow::Error {
        let problem = match error.downcast::<Problem>() {
            Ok(problem) if problem.exit == Exit::Failed && how.starts_with("deep") => problem,
            Ok(problem) => return problem.into(),
            Err(e) => return e,
        };

        let why = problem.happened.first().unwrap_or(&problem.tried).clone();
        let untried = Untried { when: (self.world.now)(), how: how.into(), why };
        if let Err(e) = seal::record_untried(manifest, untried) {
            self.report.left_behind.push(Leftover::unnoted(e));
        }

        let Problem { tried, happened, .. } = &problem;
        let happened = happened.iter().cloned().chain([tried.clone()]).collect();

        Problem {
            tried: "the backup could not be tried here; that says nothing against it".into(),
            happened,
            ..problem
        }
        .into()
    }

    fn uninterrupted(&mut self, act: &Act) -> Result<()> {
        if self.world.interrupt.hit() {
            return Err(Problem::new(Exit::Interrupted, "interrupted").into());
        }
        let result = self.act(act, Due::Surely);
        self.aftermath.ended(act, End::of(&result));
        result.map(drop).map_err(|e| if self.world.interrupt.hit() { interrupted(e) } else { e })
    }

    /// All clean-up steps are tried, even if an earlier one failed. What fails goes to `later`.
    fn clean_up<'a>(
        &mut self,
        acts: impl IntoIterator<Item = &'a Act>,
        later: fn(&mut Journal, &Act),
    ) -> Vec<(&'a Act, End)> {
        self.in_any_case(acts, later, Due::Perhaps)
    }

    fn in_any_case<'a>(
        &mut self,
        acts: impl IntoIterator<Item = &'a Act>,
        later: fn(&mut Journal, &Act),
        due: Due,
    ) -> Vec<(&'a Act, End)> {
        self.world.interrupt.shield();
        let (mut failed, mut ended) = (false, Vec::new());
        for act in acts {
            // do not wait for what could not be started
            if failed && matches!(act, Act::Wait(_)) {
                continue;
            }

            let result = self.act(act, if may_do_nothing(act) { due } else { Due::Surely });
            failed = result.is_err();
            ended.push((act, End::of(&result)));

            if let Err(e) = result {
                later(&mut self.world.journal, act);
                self.report.left_behind.push(Leftover::of(act, e));
            }
        }

        self.world.interrupt.unshield();

        ended
    }

    /// What it reported.
    fn act(&mut self, act: &Act, due: Due) -> Result<Vec<String>> {
        let begun = Instant::now();
        self.world.watch.begin(act);

        let result = self.perform(act);
        let took = begun.elapsed();
        match &result {
            Ok(_) if due == Due::Perhaps => self.world.watch.cleaned(act, took),
            Ok(done) => self.world.watch.done(act, done.found.as_ref(), took),
            Err(_) => self.world.watch.failed(act, took),
        }

        let Done { found, told } = result?;
        if let (Act::Pipe(pipe), Some(found)) = (act, found) {
            self.report.found.insert(pipe.store.clone(), found);
        }

        Ok(told)
    }

    fn perform(&mut self, act: &Act) -> Result<Done> {
        let World { secrets, interrupt, now, watch, journal, idle } = &mut *self.world;
        if !matches!(act, Act::Create(_) | Act::Remove(_) | Act::Pipe(_)) {
            // a hook may work for hours, and rename the database
            idle.let_go();
        }

        let told = match act {
            Act::Pipe(pipe) => {
                let progress = &mut |p: &Progress| watch.progress(p);
                let found =
                    pump(pipe, &mut Means { secrets, interrupt, idle, now: *now, progress })?;
                let told =
                    [lost(pipe, &found), without_statistics(&found), found.loaded.warnings.told()]
                        .concat();
                let left_out = found.left_out().and_then(LeftOut::told);

                return Ok(Done::tell(
                    told.into_iter().chain(left_out).collect(),
                    Some(found),
                    *watch,
                ));
            }
            Act::Write(Deed { what, how: How::Hook(hook) }) => {
                hook::run(what, hook, secrets, interrupt, journal, &mut |line| watch.line(line))?;
                Vec::new()
            }
            Act::Write(Deed { how: How::Reload(reload), .. }) => {
                let progress = &mut |p: &Progress| watch.progress(p);
                reload::reload(
                    reload,
                    &mut Means { secrets, interrupt, idle, now: *now, progress },
                )?
            }
            Act::Create(deed) => deed::create(deed, secrets, interrupt)?,
            Act::Remove(deed) => deed::remove(deed, secrets, interrupt)?,
            Act::Rename(deed) | Act::Write(deed) => deed::command(deed, secrets, interrupt)?,
            Act::Check(check) => deed::check(check, secrets, interrupt).map(|()| Vec::new())?,
            Act::Wait(wait) => deed::wait(wait, secrets, interrupt).map(|()| Vec::new())?,
            Act::Seal(seal) => seal::seal(seal, &self.report.found, now()).map(|()| Vec::new())?,
        };
        Ok(Done::tell(told, None, *watch))
    }
}

/// Whether there is something to do for an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// There is.
    Surely,
    /// It acts on what it finds, and may find that all is well.
    Perhaps,
}

/// What came of an act.
struct Done {
    found: Option<Found>,
    told: Vec<String>,
}

impl Done {
    fn tell(told: Vec<String>, found: Option<Found>, watch: &mut dyn Watch) -> Self {
        told.iter().for_each(|what| watch.told(what));
        Self { found, told }
    }
}
