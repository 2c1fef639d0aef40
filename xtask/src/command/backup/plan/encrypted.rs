//! Whether an encrypted backup may be made, and what is said of it.

use anyhow::Result;

use super::{All, Request};
use crate::bundle::Reason;
use crate::config::{Form, Project};
use crate::facts::Set;
use crate::problem::{Code, Problem};
use crate::stream::{Encryption, Locking};

/// A backup that is to be encrypted is never made in the clear, and no data is replaced if the way
/// back is one that nobody here can read.
pub(super) fn may_be_made(project: &Project, set: &Set, request: &Request) -> Result<()> {
    anyhow::ensure!(
        project.encryption.to.is_some() == set.locking.is_some(),
        "nobody looked how the backup is encrypted"
    );
    match &set.locking {
        Some(locking) if locking.keys.is_none() && is_way_back(request.reason) => {
            Err(no_way_back(locking).into())
        }
        _ => Ok(()),
    }
}

/// Whether data is removed or replaced next that only this backup brings back. A migration goes on
/// from what is there, and runs on servers that are to have no key.
fn is_way_back(reason: Reason) -> bool {
    reason.is_safety() && reason != Reason::PreMigrate
}

fn no_way_back(locking: &Locking) -> Problem {
    Problem::refused("the backup that comes first could not be read here, so it is no way back")
        .code(Code::NoKey)
        .because(format!("it would be {}", Encryption::from(&locking.lock)))
        .because("nothing was begun, and no data was changed")
        .cure(
            "name the file with a key that opens it, for this run: DB_TASKS_AGE_IDENTITY=FILE; or \
             add a public key of this machine to `encryption.recipients`",
        )
}

/// To whom it is encrypted, and what follows from that.
pub(super) fn notes(all: &All<'_>, set: &Set) -> Vec<String> {
    let now = all.locking.map(|locking| Encryption::from(&locking.lock));
    let changed = changed(all, set, now.as_ref());
    let (Some(locking), Some(now)) = (all.locking, &now) else {
        return changed.into_iter().collect();
    };

    let key = locking.keys.as_ref().and_then(|keys| {
        let key = keys.identity.as_ref().or(keys.passphrase.as_ref())?;
        Some(format!("the backup is {now}, and `{}` opens it here", key.display()))
    });
    let shut = || format!("the backup is {now}: it CAN'T BE READ ON THIS MACHINE");

    let is_stable = all.request.backup.plain.form == Form::Stable && locking.keys.is_none();
    let new = is_stable.then(|| {
        "without a key, nobody can tell whether anything has changed: there is a new backup each \
         time"
            .into()
    });

    [key.unwrap_or_else(shut)].into_iter().chain(changed).chain(new).collect()
}

/// Whether the newest backup needs another key, or this one is in the clear and it was not.
fn changed(all: &All<'_>, set: &Set, now: Option<&Encryption>) -> Option<String> {
    let newest = all.catalog.latest(&set.keys())?;
    let before = newest.manifest()?.encryption();
    let name = &newest.name;

    match (before, now) {
        (before, now) if before == now => None,
        (Some(before), None) => Some(format!(
            "the newest backup, `{name}`, is {before}, and this one will be NOT ENCRYPTED: \
             `[encryption]` names nobody"
        )),
        (Some(before), Some(_)) => {
            Some(format!("the newest backup, `{name}`, is {before}, and needs the key of that"))
        }
        (None, _) => Some(format!("the newest backup, `{name}`, is not encrypted, and stays so")),
    }
}
