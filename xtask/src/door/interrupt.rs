//! SIGINT, SIGTERM and SIGHUP: they end the children of the step at hand, and the run cleans up and stops.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The state that the signal thread and the runner share.
#[derive(Default)]
pub struct Interrupt {
    hit: AtomicBool,
    shielded: AtomicBool,
    children: Mutex<Vec<Weak<duct::Handle>>>,
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
            for _ in signals.forever() {
                let Some(interrupt) = weak.upgrade() else { return };
                interrupt.strike();
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

    /// Whether a signal came that is to end what is at work.
    pub fn strikes(&self) -> bool {
        self.hit() && !self.shielded.load(Ordering::SeqCst)
    }

    fn strike(&self) {
        self.hit.store(true, Ordering::SeqCst);
        if self.strikes() {
            let children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
            // a child that has ended already is no matter
            children.iter().filter_map(Weak::upgrade).for_each(|child| drop(child.kill()));
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

    /// Remembers a child for as long as somebody holds it; ends it at once where the signal has come first.
    pub fn guard(&self, child: duct::Handle) -> Arc<duct::Handle> {
        let child = Arc::new(child);
        {
            let mut children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
            children.retain(|c| c.strong_count() > 0);
            children.push(Arc::downgrade(&child));
        }
        if self.strikes() {
            drop(child.kill());
        }
        child
    }
}
