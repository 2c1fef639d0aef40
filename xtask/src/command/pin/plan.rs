//! `db-pin`: a note beside the manifest.

use std::path::Path;

use crate::bundle::Backup;
use crate::bundle::ending::{notes, partial};
use crate::bundle::notes::Pinned;
use crate::plan::{Act, Deed, How, Plan, Risk, Scope, Seal, Step};
use crate::tasks;

/// Plans the note, and that a killed run leaves none half written.
pub fn plan(backup: &Backup, manifest: &Path, pin: Option<Pinned>) -> Plan {
    let headline = match &pin {
        Some(Pinned { until: Some(until), .. }) => {
            format!("keep {} until {until}, whatever the keep rules say", backup.name)
        }
        Some(Pinned { until: None, .. }) => {
            format!("keep {}, whatever the keep rules say", backup.name)
        }
        None => format!("leave {} to the keep rules", backup.name),
    };

    let seal = Act::Seal(Box::new(Seal::Pinned { manifest_path: manifest.into(), pin }));
    let unwritten = Act::Remove(Deed {
        what: "the unfinished notes".into(),
        how: How::File(partial(&notes(manifest))),
    });
    let step = Step::Scope(Scope {
        body: vec![Step::Act(seal)],
        on_failure: vec![unwritten],
        ..Scope::default()
    });

    Plan { steps: vec![step], ..Plan::bare(tasks::PIN.name, headline, Risk::Nothing) }
}
