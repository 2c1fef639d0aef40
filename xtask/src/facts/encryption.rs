//! How new backups are encrypted, and whether they can be read here.

use anyhow::Result;

use crate::config::Project;
use crate::stream::{Locking, fitting};

/// What the project says, tried on a few bytes: a backup that your own key does not open is noticed
/// before it is made.
///
/// # Errors
/// A key can't be used, or does not fit.
pub fn look(project: &Project) -> Result<Option<Locking>> {
    let Some(lock) = &project.encryption.to else { return Ok(None) };
    let keys = fitting(lock, &project.encryption.keys)?;
    Ok(Some(Locking { lock: lock.clone(), keys }))
}
