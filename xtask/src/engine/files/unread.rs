//! What the threads that read a tree share: the folders to read.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::value::tree::Name;

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
pub(super) struct Ends<'a>(pub &'a Folders);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        let mut todo = self.0.todo();
        todo.folders.clear();
        todo.at_work = 0;
        self.0.changed.notify_all();
    }
}
