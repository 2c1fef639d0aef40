//! Reads a tree back with several threads: opening thousands of files takes most of the time.

use std::path::Path;

use anyhow::Result;

use super::ahead::Linked;
use super::dump::read_folders;
use super::unread::{Ends, Folders};
use crate::stream::Method;
use crate::value::tree::Census;

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
