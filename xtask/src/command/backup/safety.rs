//! The backup that comes before something is replaced.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::bundle::{Catalog, Reason};
use crate::config::Retention;
use crate::facts::{Set, Surveyed, encryption};
use crate::plan::Plan;
use crate::session::Session;

/// The backup that comes before something is destroyed: its steps are in the same plan, so nothing
/// starts before it is sealed.
pub fn safety_backup(session: &Session, target: &Surveyed, reason: Reason) -> Result<Plan> {
    let mut backup = session.project.backup.clone();
    if reason == Reason::PreRestore {
        // the backup to be restored may be the one due for removal
        backup.keep = Retention::default();
    }

    let request = super::plan::Request {
        backup,
        label: None,
        reason,
        salvage: None,
        ratchet: None,
        keys: BTreeMap::new(),
    };
    let catalog =
        Catalog::beside_a_new_one(&request.backup.dir, &session.project, &request.backup.keep)?;
    let locking = encryption::look(&session.project)?;
    let set = Set { databases: vec![target.clone()], locking, ..Set::default() };

    super::plan::plan(&session.project, &set, &catalog, &request, &session.moment)
}
