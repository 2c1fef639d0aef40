//! The only code that changes the world: it executes a plan that `gate` has cleared.

mod aftermath;
pub mod audit;
pub mod child;
mod deed;
mod dumping;
mod events;
mod found;
mod hook;
mod inside;
pub mod journal;
pub mod key;
mod last_words;
mod later;
mod latest;
mod lease;
mod leftover;
pub mod load;
mod lock;
mod logbook;
pub mod memory;
mod noted;
pub mod notices;
mod old;
mod outcome;
mod pgpass;
mod pipe;
pub mod program;
mod ratchet;
mod reload;
mod seal;
pub mod state;
pub mod store;
mod unchanged;
pub mod user_state;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use chrono::{DateTime, Utc};

use self::aftermath::{Aftermath, End};
pub use self::audit::{Audit, Caller, Entry, Judged, who_and_where};
pub use self::events::{Ending, Event, Listener, Listeners, Ran};
use self::found::Means;
pub use self::found::{Found, Held, Progress};
pub use self::hook::end_inside;
pub use self::journal::Journal;
pub use self::lease::{Lease, Others};
pub use self::leftover::Leftover;
use self::leftover::conclude;
pub use self::lock::Lock;
pub use self::logbook::Logbook;
pub use self::noted::record_untried;
pub use self::outcome::interrupted;
use self::outcome::{
    bad_word, but, cut_short, half_way, lost, may_do_nothing, of_one, standing, together,
    without_statistics,
};
use self::pipe::pump;
pub use self::user_state::UserState;
use crate::bundle::Untried;
use crate::config::Secrets;
use crate::door::{Idle, Interrupt};
use crate::gate::Cleared;
use crate::plan::{Act, CleanUp, Deed, How, Part, Plan, Scope, Step, StepId, identified};
use crate::problem::{About, Exit, Problem};
use crate::tasks;
use crate::value::{Anchor, LeftOut};

/// What a run needs in addition to its plan.
pub struct World<'a> {
    /// Values for children's environments.
    pub secrets: &'a Secrets,
    /// SIGINT and SIGTERM.
    pub interrupt: &'a Interrupt,
    /// The clock.
    pub now: fn() -> DateTime<Utc>,
    /// Whom to tell.
    pub listeners: Listeners<'a>,
    /// What must be cleaned up if this run is killed.
    pub journal: Journal,
    /// The session in which the first database was surveyed.
    pub idle: &'a Idle,
    /// The audit log's head before the run, for the manifests.
    pub audit: Option<Anchor>,
}

/// What a run did.
#[derive(Debug, Default)]
pub struct Report {
    /// What the pipes found, by store.
    pub found: BTreeMap<String, Found>,
    /// Whether the work itself is done, whatever followed it.
    pub is_done: bool,
    /// Why it ended early, or what is not as it should be.
    pub problem: Option<anyhow::Error>,
    /// Why the part after the work ended early: the work is done.
    pub sequel: Option<anyhow::Error>,
    /// Why some of several works failed: see [`Part::Each`].
    pub apart: Vec<anyhow::Error>,
    /// What could not be cleaned up or started again.
    pub left_behind: Vec<Leftover>,
    /// How long it took.
    pub took: Duration,
}

/// Executes a plan. The report says what went wrong; what was begun is cleaned up before it
/// returns.
pub fn run(cleared: Cleared, world: &mut World<'_>) -> Report {
    let begun = Instant::now();
    let plan = cleared.plan();
    world.listeners.tell(&Event::Started(plan));

    let (report, aftermath) = (Report::default(), Aftermath::default());
    let mut runner = Runner { world, task: plan.task, report, aftermath };
    let result = runner.steps(&plan.steps, StepId::FIRST);

    let Runner { mut report, aftermath, .. } = runner;
    ended(&mut report, result, plan, &aftermath);
    report.took = begun.elapsed();
    world.listeners.tell(&Event::Over(&report));

    report
}

/// How it ended: what failed first, then what is not as it should be.
fn ended(report: &mut Report, result: Result<()>, plan: &Plan, aftermath: &Aftermath) {
    let apart = together(std::mem::take(&mut report.apart));
    let failed = result.err().or(apart).map(|e| {
        let standing = standing(e, aftermath.told(plan.task));
        if aftermath.is_half_way(plan) { half_way(standing, plan) } else { standing }
    });
    let problem = failed.or_else(|| report.sequel.take().map(but));

    report.is_done = problem.as_ref().is_none_or(|e| Exit::of(e) == Exit::FinishedBut);
    report.problem = conclude(problem, &report.left_behind);
}

struct Runner<'r, 'w> {
    world: &'r mut World<'w>,
    task: &'static str,
    report: Report,
    aftermath: Aftermath,
}

impl Runner<'_, '_> {
    fn steps(&mut self, steps: &[Step], first: StepId) -> Result<()> {
        identified(steps, first).try_for_each(|(id, step)| match step {
            Step::Act(act) => self.uninterrupted(Ran { id, act }),
            Step::Scope(scope) => self.scope(scope, id),
        })
    }

    fn scope(&mut self, scope: &Scope, first: StepId) -> Result<()> {
        self.world.journal.enter(scope)?;
        let since = self.aftermath.since();
        let CleanUp { on_failure, at_once, finally } = scope.clean_up(first);
        let mut result = self.steps(&scope.body, first);

        if let Err(e) = &result {
            // a backup fails only for its own faults, not for those of a server that went away
            let blamed = e.downcast_ref::<Problem>().is_some_and(|p| p.about == About::Backup);
            let cleaned = self.clean_up(
                on_failure.into_iter().filter(|(_, act)| blamed || bad_word(act).is_none()),
                Journal::keep,
            );
            self.aftermath.cleaned_up(&since, &cleaned);
            self.clean_up(at_once, |_, _| {});

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
        self.in_any_case(finally, Journal::keep, due);
        if let Err(e) = self.world.journal.leave() {
            self.report.left_behind.push(Leftover::unwritten(e));
        }

        match result {
            Err(e) if scope.part == Part::Sequel && !self.world.interrupt.hit() => {
                self.report.sequel = Some(e);
                Ok(())
            }
            result => self.set_apart(scope, result),
        }
    }

    /// The others are done all the same, unless all of it was interrupted.
    fn set_apart(&mut self, scope: &Scope, result: Result<()>) -> Result<()> {
        match (result, &scope.part) {
            (Err(e), Part::Each(name)) if !self.world.interrupt.hit() => {
                self.report.apart.push(of_one(name, e));
                Ok(())
            }
            (result, _) => result,
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
        if let Err(e) = record_untried(manifest, untried) {
            self.report.left_behind.push(Leftover::unnoted(e));
        }

        let happened = [problem.happened.clone(), vec![problem.tried.clone()]].concat();
        let tried = "the backup could not be tried here; that says nothing against it";

        Problem { happened, ..problem.told_as(tried) }.into()
    }

    fn uninterrupted(&mut self, step: Ran<'_>) -> Result<()> {
        if self.world.interrupt.hit() {
            return Err(cut_short());
        }
        let interrupt = self.world.interrupt;
        let result = if step.act.is_unbroken() {
            interrupt.shielding(|| self.act(step, Due::Surely))
        } else {
            self.act(step, Due::Surely)
        };
        self.aftermath.ended(step.act, End::of(&result));

        match result {
            Ok(_) if step.act.is_unbroken() && interrupt.hit() => Err(cut_short()),
            result => {
                result.map(drop).map_err(|e| if interrupt.hit() { interrupted(e) } else { e })
            }
        }
    }

    /// All clean-up steps are tried, even if an earlier one failed. What fails goes to `later`.
    fn clean_up<'a>(
        &mut self,
        acts: impl IntoIterator<Item = (StepId, &'a Act)>,
        later: fn(&mut Journal, &Act),
    ) -> Vec<(&'a Act, End)> {
        self.in_any_case(acts, later, Due::Perhaps)
    }

    fn in_any_case<'a>(
        &mut self,
        acts: impl IntoIterator<Item = (StepId, &'a Act)>,
        later: fn(&mut Journal, &Act),
        due: Due,
    ) -> Vec<(&'a Act, End)> {
        let interrupt = self.world.interrupt;
        interrupt.shielding(|| self.all_of(acts, later, due))
    }

    fn all_of<'a>(
        &mut self,
        acts: impl IntoIterator<Item = (StepId, &'a Act)>,
        later: fn(&mut Journal, &Act),
        due: Due,
    ) -> Vec<(&'a Act, End)> {
        let (mut failed, mut ended) = (false, Vec::new());
        for (id, act) in acts {
            // do not wait for what could not be started
            if failed && matches!(act, Act::Wait(_)) {
                continue;
            }

            let due = if may_do_nothing(act) { due } else { Due::Surely };
            let result = self.act(Ran { id, act }, due);
            failed = result.is_err();
            ended.push((act, End::of(&result)));

            if let Err(e) = result {
                later(&mut self.world.journal, act);
                self.report.left_behind.push(Leftover::of(act, e));
            }
        }

        ended
    }

    /// What it reported.
    fn act(&mut self, step: Ran<'_>, due: Due) -> Result<Vec<String>> {
        let begun = Instant::now();
        self.world.listeners.tell(&Event::Begun(step));

        let result = self.perform(step.act);
        let took = begun.elapsed();
        let end = match &result {
            Ok(_) if due == Due::Perhaps => Ending::CleanedUp,
            Ok(done) => Ending::Done(done.found.as_ref()),
            Err(_) => Ending::Failed,
        };
        self.world.listeners.tell(&Event::Ended { step, end, took });

        let Done { found, told } = result?;
        if let (Act::Pipe(pipe), Some(found)) = (step.act, found) {
            self.report.found.insert(pipe.store.clone(), found);
        }

        Ok(told)
    }

    fn perform(&mut self, act: &Act) -> Result<Done> {
        let World { secrets, interrupt, now, listeners, journal, idle, audit } = &mut *self.world;
        if !matches!(act, Act::Create(_) | Act::Remove(_) | Act::Pipe(_)) {
            // a hook may work for hours, and rename the database
            idle.let_go();
        }

        let told = match act {
            Act::Pipe(pipe) => {
                let progress = &mut |p: &Progress| listeners.tell(&Event::Moved(p));
                let found =
                    pump(pipe, &mut Means { secrets, interrupt, idle, now: *now, progress })?;
                let told =
                    [lost(pipe, &found), without_statistics(&found), found.loaded.warnings.told()]
                        .concat();
                let left_out = found.left_out().and_then(LeftOut::told);

                return Ok(Done::tell(
                    told.into_iter().chain(left_out).collect(),
                    Some(found),
                    listeners,
                ));
            }
            Act::Write(Deed { what, how: How::Hook(hook) }) => {
                let say = &mut |line: &str| listeners.tell(&Event::Printed(line));
                hook::run(what, hook, secrets, interrupt, journal, say)?;
                Vec::new()
            }
            Act::Write(Deed { how: How::Reload(reload), .. }) => {
                let progress = &mut |p: &Progress| listeners.tell(&Event::Moved(p));
                reload::reload(
                    reload,
                    &mut Means { secrets, interrupt, idle, now: *now, progress },
                )?
            }
            Act::Create(deed) => deed::create(deed, secrets, interrupt)?,
            Act::Remove(Deed { how: How::Old(backup), .. }) => old::remove(backup, now())?,
            Act::Remove(deed) => deed::remove(deed, secrets, interrupt)?,
            Act::Rename(deed) | Act::Write(deed) => deed::command(deed, secrets, interrupt)?,
            Act::Check(check) => deed::check(check, secrets, interrupt).map(|()| Vec::new())?,
            Act::Wait(wait) => deed::wait(wait, secrets, interrupt).map(|()| Vec::new())?,
            Act::Seal(seal) => seal::seal(seal, &self.report.found, audit.as_ref(), now())?,
        };
        Ok(Done::tell(told, None, listeners))
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
    fn tell(told: Vec<String>, found: Option<Found>, listeners: &mut Listeners<'_>) -> Self {
        told.iter().for_each(|what| listeners.tell(&Event::Reported(what)));
        Self { found, told }
    }
}
