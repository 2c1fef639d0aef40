//! SIGINT, SIGTERM and SIGHUP: they end the children of the step at hand, and the run cleans up and
//! stops. What is asked at that moment is ended, too: a server that lets a client in and then says
//! nothing would keep us for ever.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::problem::{Exit, Problem};

/// The children that are asked something. A signal comes to the process, and questions are asked
/// all over it: so this list is the process's.
static ASKED: Children = Children(Mutex::new(Vec::new()));

/// The state that the signal thread and the runner share.
#[derive(Default)]
pub struct Interrupt {
    hit: AtomicBool,
    cut: AtomicBool,
    shielded: AtomicBool,
    children: Children,
    /// What has our terminal: Ctrl-C is its own matter.
    at_terminal: Children,
}

/// A child that can be ended while somebody waits for it.
pub(super) trait Endable: Send + Sync + 'static {
    /// Ends it at once; one that has ended already is no matter.
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
struct Children(Mutex<Vec<Weak<dyn Endable>>>);

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
}

/// A child that is asked something.
struct Asked<C> {
    child: Arc<C>,
    ended: AtomicBool,
}

/// Waits for what a child says that is asked something. A signal ends it meanwhile, unless it is
/// asked for a clean-up.
///
/// # Errors
/// It could not be waited for, or a signal ended it: what it said is no answer.
pub(super) fn waiting_for<C: Endable, T>(
    child: &Arc<C>,
    wait: impl FnOnce() -> io::Result<T>,
) -> anyhow::Result<T> {
    let asked = Arc::new(Asked { child: Arc::clone(child), ended: AtomicBool::new(false) });
    ASKED.add(Arc::clone(&asked) as Arc<dyn Endable>);
    let said = wait();
    if asked.ended.load(Ordering::SeqCst) {
        return Err(Problem::new(Exit::Interrupted, "interrupted").into());
    }
    Ok(said?)
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

    /// Signals are left to the system's ways.
    #[cfg(not(unix))]
    pub fn listen() -> std::io::Result<Arc<Self>> {
        Ok(Arc::new(Self::default()))
    }

    /// Whether a signal came.
    pub fn hit(&self) -> bool {
        self.hit.load(Ordering::SeqCst)
    }

    /// Whether a signal ended something that was asked: what was found is not the whole of it.
    pub fn has_cut_a_question(&self) -> bool {
        self.cut.load(Ordering::SeqCst)
    }

    /// Whether a signal came that is to end what is at work.
    pub fn strikes(&self) -> bool {
        self.hit() && !self.shielded.load(Ordering::SeqCst)
    }

    fn strike(&self) {
        self.hit.store(true, Ordering::SeqCst);
        if self.strikes() {
            self.children.end();
            // before whoever waits for one hears of its end
            self.cut.fetch_or(!ASKED.living().is_empty(), Ordering::SeqCst);
            ASKED.end();
        }
    }

    /// Children begun from now on are not ended by signals: they clean up.
    pub fn shield(&self) {
        self.shielded.store(true, Ordering::SeqCst);
    }

    /// The contrary of `shield`.
    pub fn unshield(&self) {
        self.shielded.store(false, Ordering::SeqCst);
    }

    /// Remembers a child for as long as somebody holds it; ends it at once where the signal has
    /// come first.
    pub fn guard(&self, child: duct::Handle) -> Arc<duct::Handle> {
        let child = Arc::new(child);
        self.children.add(Arc::clone(&child) as Arc<dyn Endable>);
        if self.strikes() {
            child.end();
        }
        child
    }
    /// The same for a child that has our terminal, which only SIGTERM and SIGHUP end.
    pub fn guard_at_terminal(&self, child: duct::Handle) -> Arc<duct::Handle> {
        let child = Arc::new(child);
        self.at_terminal.add(Arc::clone(&child) as Arc<dyn Endable>);
        child
    }
}
