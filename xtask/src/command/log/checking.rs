//! `db-log --verify`: the chain itself, and what the backups know of it.

use std::io::BufReader;

use anyhow::{Context, Result};

use super::view;
use crate::audit::{Giver, Known, Verified, verify};
use crate::bundle::Catalog;
use crate::problem::{Code, Exit, Problem};
use crate::run::audit;
use crate::session::Session;
use crate::value::Anchor;

/// Verifies the log, and compares it with these anchors and those of the backups.
pub(super) fn check(session: &mut Session, anchors: &[Anchor]) -> Result<Exit> {
    let path = audit::path(&session.project);
    let known = known(session, anchors)?;
    let found = match audit::lines(&session.project)? {
        Some(log) => verify(log, &known),
        None => verify(BufReader::new(std::io::empty()), &known),
    };
    let found = found.with_context(|| format!("could not read `{}`", path.display()))?;

    let file = path.to_string_lossy();
    let fields = view::json(&found, &file);
    found.head.iter().for_each(|head| session.record.logged(head.clone()));

    if found.faults.count > 0 {
        session.record.fields(fields);
        return Err(changed(&file, &found).into());
    }
    session.show(&view::verified(&found, &Session::short(&path)), fields)
}

/// The anchors that were given, and those in the manifests of the backup folder.
fn known(session: &Session, anchors: &[Anchor]) -> Result<Vec<Known>> {
    let given = anchors.iter().map(|anchor| Known {
        by: "the anchor that you gave".into(),
        giver: Giver::Caller,
        anchor: anchor.clone(),
    });
    let catalog = Catalog::read(&session.project.backup.dir, &session.project)?;
    let of_backups = catalog.backups.iter().filter(|b| b.other_project.is_none()).filter_map(|b| {
        let anchor = b.manifest()?.audit.clone()?;
        Some(Known { by: format!("the backup `{}`", b.name), giver: Giver::Backup, anchor })
    });

    Ok(given.chain(of_backups).collect())
}

fn changed(file: &str, found: &Verified) -> Problem {
    let problem = Problem::failed(format!("the audit log `{file}` is not as it was written"))
        .code(Code::AuditChanged)
        .because(view::faults(found).join("\n"))
        .because(view::others(found).unwrap_or_default())
        .cure(
            "compare it with a copy from elsewhere; nothing repairs it, because nobody knows what \
             it said, and the next run continues after its last line",
        );
    let stands = "databases and backups are as they were: only this record can't be relied on";
    Problem { stands: Some(stands.into()), ..problem }
}
