//! What a wipe empties, written down before it begins: a killed wipe has emptied only some of it.

use std::path::PathBuf;

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::config::Project;
use crate::human::count;
use crate::plan::{Act, Deed, How};
use crate::run::state;

/// A wipe that has begun and not finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emptying {
    /// When it was planned.
    pub since: DateTime<Utc>,
    /// What it empties, one after the other.
    pub parts: Vec<Part>,
    /// The backup that was made first.
    pub backup: Option<PathBuf>,
}

/// A database or store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its key.
    pub key: String,
    /// Rows, entries or entities that it held.
    pub items: u64,
}

/// How far a wipe got, as far as that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// Nothing is empty.
    Nowhere,
    /// Everything is empty.
    ToItsEnd,
    /// With what is empty and what is not, in words, and the keys of what is not.
    HalfWay {
        /// `empty: …; as it was: …`
        how: String,
        /// What is not empty.
        left: Vec<String>,
    },
}

impl Emptying {
    /// Reads what a wipe wrote down.
    ///
    /// # Errors
    /// It can't be read.
    pub fn read(project: &Project) -> Result<Option<Self>> {
        state::read_json(
            &path(project),
            "a `db-wipe` was interrupted: check yourself what is empty, then remove the file",
        )
    }

    /// Writes it down.
    pub fn note(&self, project: &Project) -> Option<Act> {
        let text = format!("{}\n", serde_json::to_string(self).ok()?);
        Some(Act::Write(Deed {
            what: "note what the wipe empties".into(),
            how: How::Text(path(project), text),
        }))
    }

    /// Forgets these once they are empty, or full again; others that are left stay noted.
    pub fn settled(&self, project: &Project, keys: &[&str]) -> Option<Act> {
        let parts: Vec<Part> =
            self.parts.iter().filter(|p| !keys.contains(&p.key.as_str())).cloned().collect();
        if parts.is_empty() {
            return Some(Self::over(project));
        }
        Self { parts, ..self.clone() }.note(project)
    }

    /// Forgets all of it.
    pub fn over(project: &Project) -> Act {
        Act::Remove(Deed {
            what: "note of what the wipe empties".into(),
            how: How::File(path(project)),
        })
    }

    /// With what an earlier wipe left, if this one is about something else.
    pub fn after(mut self, earlier: Option<&Self>) -> Self {
        let earlier = earlier
            .iter()
            .flat_map(|e| &e.parts)
            .filter(|p| self.parts.iter().all(|own| own.key != p.key));
        let earlier: Vec<Part> = earlier.cloned().collect();
        self.parts.extend(earlier);
        self
    }

    /// How far it got, by what is there `now`; `None` if that is not known.
    pub fn came(&self, now: &dyn Fn(&str) -> Option<u64>) -> Came {
        let (mut empty, mut partly, mut whole, mut unknown) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());

        for Part { key, items } in &self.parts {
            match now(key) {
                None => unknown.push(format!("`{key}`")),
                Some(0) => empty.push(format!("`{key}`")),
                Some(left) if left < *items => {
                    partly.push(format!("`{key}` ({} of {} left)", count(left), count(*items)))
                }
                Some(_) => whole.push(format!("`{key}`")),
            }
        }

        if unknown.is_empty() && partly.is_empty() && (empty.is_empty() || whole.is_empty()) {
            return if empty.is_empty() { Came::Nowhere } else { Came::ToItsEnd };
        }

        let titles = ["empty", "emptied in part", "as before", "could not be asked"];
        let lists =
            titles.iter().zip([empty, partly, whole, unknown]).filter(|(_, list)| !list.is_empty());
        let how = lists
            .map(|(title, list)| format!("{title}: {}", list.join(", ")))
            .collect::<Vec<_>>()
            .join("; ");
        let left =
            self.parts.iter().filter(|p| now(&p.key) != Some(0)).map(|p| p.key.clone()).collect();

        Came::HalfWay { how, left }
    }

    /// What to do about it, in lines that can be pasted.
    pub fn cure(&self, left: &[String]) -> String {
        let only = left.iter().map(|key| format!(" --only {key}")).collect::<String>();
        let all = self.parts.iter().map(|part| format!(" --only {}", part.key)).collect::<String>();

        let back = match &self.backup {
            Some(backup) => format!("to bring the data back: `db-restore {}`", backup.display()),
            None => format!(
                "to bring the data back: `db-restore --latest{all}`, if there is a backup \
                 (`db-list`)"
            ),
        };
        format!("to finish: `db-wipe{only}`; {back}")
    }
}

fn path(project: &Project) -> PathBuf {
    project.state_dir().join("emptying.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_wipes_that_were_cut_off() {
        let part = |key: &str, items| Part { key: key.into(), items };
        let parts = vec![part("main", 10), part("uploads", 20_000)];
        let wipe =
            Emptying { since: DateTime::UNIX_EPOCH, parts, backup: Some("backups/x".into()) };
        let came = |main: Option<u64>, uploads: Option<u64>| {
            wipe.came(&|key| if key == "main" { main } else { uploads })
        };
        let half = |how: &str, left: &[&str]| Came::HalfWay {
            how: how.into(),
            left: left.iter().map(ToString::to_string).collect(),
        };

        for (now, wanted) in [
            ((Some(10), Some(20_000)), Came::Nowhere),
            ((Some(12), Some(20_001)), Came::Nowhere),
            ((Some(0), Some(0)), Came::ToItsEnd),
            ((Some(0), Some(20_000)), half("empty: `main`; as before: `uploads`", &["uploads"])),
            (
                (Some(0), Some(12_345)),
                half(
                    "empty: `main`; emptied in part: `uploads` (12,345 of 20,000 left)",
                    &["uploads"],
                ),
            ),
            ((None, Some(0)), half("empty: `uploads`; could not be asked: `main`", &["main"])),
        ] {
            assert_eq!(came(now.0, now.1), wanted);
        }

        assert_eq!(
            wipe.cure(&["uploads".into()]),
            "to finish: `db-wipe --only uploads`; to bring the data back: `db-restore backups/x`"
        );
        let other = Emptying {
            parts: vec![part("main", 3), part("vectors", 1)],
            backup: None,
            ..wipe.clone()
        }
        .after(Some(&wipe));

        assert_eq!(other.parts, [part("main", 3), part("vectors", 1), part("uploads", 20_000)]);
        assert!(
            other
                .cure(&["main".into()])
                .contains("`db-restore --latest --only main --only vectors --only uploads`")
        );
    }
}
