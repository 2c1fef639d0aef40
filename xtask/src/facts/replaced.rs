//! What the last restore or reset replaced together, so that an undo brings all of it back.

use std::path::PathBuf;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::config::Project;
use crate::plan::{Act, Deed, How};
use crate::run::state;

/// What was replaced together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplacedTogether {
    /// The keys of the databases and stores.
    pub together: Vec<String>,
}

impl ReplacedTogether {
    /// Reads what the last run wrote down.
    ///
    /// # Errors
    /// It can't be read: what an undo would bring back is not guessed.
    pub fn read(project: &Project) -> Result<Option<Self>> {
        state::read_json(
            &path(project),
            "name what to undo with `--only`; the next restore writes the file again",
        )
    }

    /// Writes it down, if an undo could be for more than one database or store.
    pub fn note(project: &Project, keys: &[&str]) -> Option<Act> {
        let kept = Self { together: keys.iter().map(ToString::to_string).collect() };
        let text = format!("{}\n", serde_json::to_string(&kept).ok()?);
        let deed = Deed {
            what: "note what db-undo brings back".into(),
            how: How::Text(path(project), text),
        };
        let known = |key: &str| {
            project.databases.iter().any(|d| d.key == key)
                || project.stores.iter().any(|s| s.key == key)
        };
        let several = project.databases.len() + project.stores.len() > 1;

        // nothing is noted for a test database: an undo means the usual ones
        (several && keys.iter().all(|key| known(key))).then_some(Act::Write(deed))
    }
}

fn path(project: &Project) -> PathBuf {
    project.state_dir().join("kept.json")
}
