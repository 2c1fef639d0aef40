//! Who uses the project's own servers: the last user stops what was started on demand.
//!
//! Two locks: the gate is held while servers are started or stopped, and everybody who uses them
//! holds the other one, shared. The system releases both when a process ends, however it ends.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::state::{self, Use};
use crate::door::Interrupt;
use crate::problem::{Exit, Problem};

/// A share in the project's servers.
#[derive(Debug)]
pub struct Lease {
    gate: File,
    users: File,
}

/// Whether others use the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// Nobody does.
    None,
    /// Somebody does.
    Some,
}

impl Lease {
    /// Waits until nobody else starts or stops servers, and takes the gate. `waits` is called once
    /// if that takes a while.
    ///
    /// # Errors
    /// An interrupt came first.
    pub fn enter(state_dir: &Path, interrupt: &Interrupt, waits: impl FnOnce()) -> Result<Self> {
        state::prepare(state_dir)?;
        let open = |name: &str| {
            state::open(&state_dir.join(name), Use::Change)?
                .context("a file that is missing is made")
        };
        let lease = Self { gate: open("servers.gate")?, users: open("servers.users")? };
        let begun = Instant::now();
        let mut waits = Some(waits);

        while lease.gate.try_lock().is_err() {
            if interrupt.hit() {
                return Err(Problem::new(Exit::Interrupted, "interrupted").into());
            }

            if begun.elapsed() > Duration::from_secs(1)
                && let Some(waits) = waits.take()
            {
                waits();
            }

            std::thread::sleep(Duration::from_millis(20));
        }

        Ok(lease)
    }

    /// Takes a share, and releases the gate.
    pub fn share(&self) -> Result<()> {
        // only the holder of the gate could hold it alone, and that is us
        self.users.lock_shared().context("could not share the servers' lock")?;
        self.gate.unlock().context("could not release the lock for starting servers")
    }

    /// Releases the share, while holding the gate again, and checks who is left.
    pub fn give_back(&self) -> Result<Others> {
        self.gate.lock().context("could not take the lock for starting servers")?;
        self.others()
    }

    /// Who else uses the servers.
    pub fn others(&self) -> Result<Others> {
        self.users.unlock().context("could not release the servers' lock")?;
        Ok(if self.users.try_lock().is_ok() { Others::None } else { Others::Some })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_knows() {
        let dir = tempfile::tempdir().unwrap();
        let calm = Interrupt::default();
        let enter = || Lease::enter(dir.path(), &calm, || ());
        let first = enter().unwrap();

        first.share().unwrap();
        let second = enter().unwrap();
        assert_eq!(second.others().unwrap(), Others::Some);
        second.share().unwrap();
        assert_eq!(first.give_back().unwrap(), Others::Some);

        drop(first);
        assert_eq!(second.give_back().unwrap(), Others::None);
    }
}
