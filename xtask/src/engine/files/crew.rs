//! Reads a tree back with several threads: opening thousands of files takes most of the time.

use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use anyhow::Result;

use super::ahead::Linked;
use super::dump::read_folders;
use crate::stream::Method;
use crate::value::tree::{Census, Name};

/// More threads would wait for each other, and for the disk.
const MOST: usize = 4;

/// Reads a tree, to compare what is on disk with what should be there.
///
/// # Errors
/// A part of the tree can't be read.
pub fn read_back(root: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Census> {
    read_back_by(root, Method::default(), progress)
}

/// The same, with another digest for contents.
///
/// # Errors
/// A part of the tree can't be read.
pub fn read_back_by(
    root: &Path,
    method: Method,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Census> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST);
    let (folders, linked) = (Folders::default(), Linked::default());
    let read: Vec<Result<Census>> = std::thread::scope(|scope| {
        let work = || {
            let _ends = Ends(&folders);
            read_folders(root, method, &linked, &folders)
        };
        let crew: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();

        crew.into_iter()
            .map(|one| {
                one.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a reading thread panicked")))
            })
            .collect()
    });

    let mut whole = Census::default();
    for part in read {
        let part = part?;
        whole.entries.extend(part.entries);
        whole.remarks.extend(part.remarks);
        progress(whole.entries.len() as u64, whole.bytes());
    }

    Ok(whole)
}

/// Folders that are not read yet.
pub(super) struct Folders {
    todo: Mutex<Todo>,
    changed: Condvar,
}

struct Todo {
    folders: Vec<Name>,
    /// How many are being read: there may be others in them.
    at_work: usize,
}

impl Default for Folders {
    fn default() -> Self {
        Self {
            todo: Mutex::new(Todo { folders: vec![Name::ROOT], at_work: 0 }),
            changed: Condvar::new(),
        }
    }
}

impl Folders {
    /// The next one; `None` once all have been read.
    pub fn next(&self) -> Option<Name> {
        let mut todo = self.todo();
        loop {
            if let Some(folder) = todo.folders.pop() {
                todo.at_work += 1;
                return Some(folder);
            }
            if todo.at_work == 0 {
                return None;
            }
            todo = self.changed.wait(todo).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// One was read, and has these in it.
    pub fn read(&self, below: Vec<Name>) {
        let mut todo = self.todo();
        todo.folders.extend(below);
        todo.at_work = todo.at_work.saturating_sub(1);
        self.changed.notify_all();
    }

    fn todo(&self) -> MutexGuard<'_, Todo> {
        self.todo.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread that ends, well or badly, wakes the others: at the end there is nothing left to do, and
/// after a failure no reason to continue.
struct Ends<'a>(&'a Folders);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        let mut todo = self.0.todo();
        todo.folders.clear();
        todo.at_work = 0;
        self.0.changed.notify_all();
    }
}
