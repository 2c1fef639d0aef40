//! `db-pin`: a note beside the manifest.

use std::path::Path;

use crate::bundle::Backup;
use crate::bundle::notes::Pinned;
use crate::plan::{Act, Plan, Risk, Seal, Step};
use crate::planning::noted::noted;
use crate::tasks;

/// Plans the note.
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
    let step = noted(Some(manifest), vec![Step::Act(seal)]);

    Plan { steps: vec![step], ..Plan::bare(tasks::PIN.name, headline, Risk::Nothing) }
}
