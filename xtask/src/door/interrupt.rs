//! SIGINT, SIGTERM and SIGHUP: they terminate the children of the current step, and the run cleans
//! up and stops. Open questions are terminated, too: a server that accepts a client and then says
//! nothing would keep us for ever.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::Duration;

use crate::problem::{Exit, Problem};

/// The children that are asked something. A signal is for the whole process, and any part of it may
/// ask: so there is one list per process.
pub(super) static ASKED: Children = Children(Mutex::new(Vec::new()));
/// Those whose answers no result rests on.
pub(super) static ASKED_ASIDE: Children = Children(Mutex::new(Vec::new()));

/// The state that the signal thread and the runner share.
#[derive(Default)]
pub struct Interrupt {
    hit: AtomicBool,
    cut: AtomicBool,
    /// How much is under way that signals do not end: it may be one within another.
    shields: AtomicUsize,
    children: Children,
    /// What has our terminal: it handles Ctrl-C itself.
    at_terminal: Children,
    /// Who waits for a signal.
    waiting: (Mutex<()>, Condvar),
}

/// A child that can be killed while somebody waits for it.
pub(super) trait Endable: Send + Sync + 'static {
    /// Kills it at once; it may have ended already.
    fn end(&self);
}

impl Endable for duct::Handle {
    fn end(&self) {
        drop(self.kill());
    }
}

impl Endable for shared_child::SharedChild {
    fn end(&self) {
        drop(self.kill());
    }
}

/// Children, each for as long as somebody holds it.
#[derive(Default)]
pub(super) struct Children(Mutex<Vec<Weak<dyn Endable>>>);

impl Children {
    fn add(&self, child: Arc<dyn Endable>) {
        let mut children = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        children.retain(|child| child.strong_count() > 0);
        children.push(Arc::downgrade(&child));
    }

    fn end(&self) {
        self.living().iter().for_each(|child| child.end());
    }

    fn living(&self) -> Vec<Arc<dyn Endable>> {
        let children = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        children.iter().filter_map(Weak::upgrade).collect()
    }

    /// Waits for the answer of a child, which is one of these meanwhile. A signal kills it, unless
    /// it is asked for a clean-up.
    ///
    /// # Errors
    /// It could not be waited for, or a signal ended it: what it said is no answer.
    pub(super) fn waiting_for<C: Endable, T>(
        &self,
        child: &Arc<C>,
        wait: impl FnOnce() -> io::Result<T>,
    ) -> anyhow::Result<T> {
        let asked = Arc::new(Asked { child: Arc::clone(child), ended: AtomicBool::new(false) });
        self.add(Arc::clone(&asked) as Arc<dyn Endable>);
        let said = wait();
        if asked.ended.load(Ordering::SeqCst) {
            return Err(Problem::new(Exit::Interrupted, "interrupted").into());
        }
        Ok(said?)
    }
}

/// A child that is asked something.
struct Asked<C> {
    child: Arc<C>,
    ended: AtomicBool,
}

impl<C: Endable> Endable for Asked<C> {
    fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        self.child.end();
    }
}

impl Interrupt {
    /// Listens from now on.
    #[cfg(unix)]
    pub fn listen() -> std::io::Result<Arc<Self>> {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

        let shared = Arc::new(Self::default());
        let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let weak = Arc::downgrade(&shared);

        std::thread::spawn(move || {
            for signal in signals.forever() {
                let Some(interrupt) = weak.upgrade() else { return };
                interrupt.strike();
                if signal != SIGINT {
                    interrupt.at_terminal.end();
                }
            }
        });

        Ok(shared)
    }

    /// Signals have the system's default effect.
    #[cfg(not(unix))]
    pub fn listen() -> std::io::Result<Arc<Self>> {
        Ok(Arc::new(Self::default()))
    }

    /// Whether a signal came.
    pub fn hit(&self) -> bool {
        self.hit.load(Ordering::SeqCst)
    }

    /// Whether a signal ended a question that a result rests on: the findings are incomplete.
    pub fn has_cut_a_question(&self) -> bool {
        self.cut.load(Ordering::SeqCst)
    }

    /// Whether a signal came that should end the current work.
    pub fn strikes(&self) -> bool {
        self.hit() && !self.is_shielded()
    }

    /// Whether a signal does not terminate what is started now.
    pub(super) fn is_shielded(&self) -> bool {
        self.shields.load(Ordering::SeqCst) > 0
    }

    /// Waits for a signal, so long at most. It costs nothing meanwhile.
    pub fn wait(&self, most: Duration) {
        let (lock, condition) = &self.waiting;
        let waiting = lock.lock().unwrap_or_else(PoisonError::into_inner);
        drop(condition.wait_timeout_while(waiting, most, |()| !self.hit()));
    }

    fn strike(&self) {
        self.hit.store(true, Ordering::SeqCst);
        // one that has looked, and does not wait yet, holds the lock
        drop(self.waiting.0.lock());
        self.waiting.1.notify_all();
        if self.strikes() {
            self.children.end();
            // before those who wait for one hear of its end
            self.cut.fetch_or(!ASKED.living().is_empty(), Ordering::SeqCst);
            ASKED.end();
            ASKED_ASIDE.end();
        }
    }

    /// Children that this work starts are not terminated by signals: they clean up, or others do
    /// their work.
    pub fn shielding<T>(&self, work: impl FnOnce() -> T) -> T {
        self.shields.fetch_add(1, Ordering::SeqCst);
        let done = work();
        self.shields.fetch_sub(1, Ordering::SeqCst);
        done
    }

    /// Remembers a child for as long as somebody holds it; kills it at once if the signal came
    /// first.
    pub fn guard(&self, child: duct::Handle) -> Arc<duct::Handle> {
        let child = Arc::new(child);
        self.children.add(Arc::clone(&child) as Arc<dyn Endable>);
        if self.strikes() {
            child.end();
        }
        child
    }

    /// The same for a child that has our terminal, which only SIGTERM and SIGHUP terminate.
    pub fn guard_at_terminal(&self, child: duct::Handle) -> Arc<duct::Handle> {
        let child = Arc::new(child);
        self.at_terminal.add(Arc::clone(&child) as Arc<dyn Endable>);
        child
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_within_a_shield_leaves_the_shield() {
        let interrupt = Interrupt::default();
        let hit = || interrupt.hit.store(true, Ordering::SeqCst);

        interrupt.shielding(|| {
            interrupt.shielding(hit);
            assert!(!interrupt.strikes(), "the outer one is under way");
        });
        assert!(interrupt.strikes());
    }
}
