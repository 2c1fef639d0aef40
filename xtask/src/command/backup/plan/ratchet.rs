//! What a backup must hold to be a good one.

use std::path::PathBuf;

use super::names::Paths;
use super::{Request, Subject};
use crate::bundle::ending::partial;
use crate::bundle::ratchet::{Demand, File, Slot};
use crate::config;
use crate::facts::{Set, Surveyed};
use crate::human::{self, count, counted as rows};
use crate::plan::{Act, Counted, Deed, HeldTo, How, Scope, Seal, Step};

/// The ratchet that is in force.
#[derive(Debug, Clone)]
pub struct Ratchet {
    /// Its file.
    pub path: PathBuf,
    /// What the file says.
    pub file: File,
    /// What the project says.
    pub rules: config::Ratchet,
    /// How many databases the project has.
    pub databases: usize,
    /// Who says that there may be fewer records.
    pub accepted: Option<String>,
}

impl Ratchet {
    fn demand(&self, database: &Surveyed, aside: PathBuf) -> Demand {
        let key = database.spec.key.clone();
        let slot = if self.databases == 1 { Slot::Only } else { Slot::OneOf };
        let slot = slot(key.clone());

        Demand {
            key,
            name: database.name().to_owned(),
            recorded: self.file.of(&slot),
            slot,
            rules: self.rules.clone(),
            accepted: self.accepted.clone(),
            aside,
        }
    }
}

/// What the databases of a group must hold, and the names of the backup if they do not.
pub(super) fn held_to(request: &Request, group: &[Subject<'_>], paths: &Paths) -> Option<HeldTo> {
    let ratchet = request.ratchet.as_ref()?;
    let aside = paths.shrunken();
    let demands: Vec<Demand> = group
        .iter()
        .filter_map(|subject| match subject {
            Subject::Database(database) => Some(ratchet.demand(database, aside.shown())),
            Subject::Store(_) => None,
        })
        .collect();

    let (manifest_path, names) = (aside.manifest.clone(), aside.names());
    (!demands.is_empty()).then_some(HeldTo { demands, manifest_path, names })
}

/// Notes what the backups hold. It comes after all of them, and before old ones are removed.
pub(super) fn counted(request: &Request, demands: Vec<Demand>) -> Option<Step> {
    let Ratchet { path, file, .. } = request.ratchet.as_ref().filter(|_| !demands.is_empty())?;
    let counted = Counted { path: path.clone(), file: file.clone(), demands };
    let body = vec![Step::Act(Act::Seal(Box::new(Seal::Counted(Box::new(counted)))))];

    let how = How::File(partial(path));
    let unfinished = Act::Remove(Deed { what: "the unfinished record counts".into(), how });
    Some(Step::Scope(Scope { body, on_failure: vec![unfinished], ..Scope::default() }))
}

/// What each database must hold.
pub(super) fn notes(set: &Set, request: &Request) -> Vec<String> {
    let Some(ratchet) = &request.ratchet else { return Vec::new() };
    if let Some(by) = ratchet.accepted.as_ref().filter(|_| !set.databases.is_empty()) {
        return vec![format!(
            "fewer records are accepted, by {by}: the ratchet is set to what this backup holds"
        )];
    }

    let one = |database: &Surveyed| {
        let demand = ratchet.demand(database, PathBuf::new());
        let had = demand.recorded.max_record_count;
        let had = had.map_or("none are recorded yet".into(), |n| format!("it had {}", count(n)));
        let tables: Vec<String> = demand
            .tables()
            .map(|(table, had, least)| {
                format!("{} in `{table}`, which had {}", count(least), count(had))
            })
            .collect();
        let tables =
            if tables.is_empty() { String::new() } else { format!("; {}", human::few(&tables)) };

        format!("`{}` must have {} ({had}){tables}", demand.name, rows(demand.least(), "row"))
    };
    set.databases.iter().map(one).collect()
}
