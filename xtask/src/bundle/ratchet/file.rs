//! `.record_count_ratchet`: the most records that were ever backed up. Other programs read and write
//! it, too: what is not known here is kept.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The file's name, in the folder of the backups.
pub const NAME: &str = ".record_count_ratchet";

/// No such file is longer: it would list a hundred thousand tables.
const MOST: u64 = 16 << 20;

/// The whole file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// The project's only database.
    #[serde(flatten)]
    only: Recorded,
    /// The key of that one, if we wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    database: Option<String>,
    /// The databases of a project with several, by their keys.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    databases: BTreeMap<String, Recorded>,
    /// The project whose counts these are, if its file names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    project: Option<String>,
    /// When it was written, in whatever form.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    updated_at: Value,
    /// By what.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    updated_by: Value,
}

/// What is recorded of a database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// The most rows that all its tables had together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_record_count: Option<u64>,
    /// The rows of each table: the most of one that is listed, those in the last backup otherwise.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<String, u64>,
    /// What others wrote there.
    #[serde(flatten)]
    pub(super) others: BTreeMap<String, Value>,
}

/// Where in the file a database is, by its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slot {
    /// At the top: the project has no other.
    Only(String),
    /// Below its key.
    OneOf(String),
}

impl Recorded {
    /// Takes these counts. What others wrote stays in its place.
    fn put(&mut self, counts: Self) {
        (self.max_record_count, self.tables) = (counts.max_record_count, counts.tables);
    }
}

impl File {
    /// Reads it; none at all is one that records nothing.
    ///
    /// # Errors
    /// Why it can't be used.
    pub fn read(path: &Path) -> Result<Self, String> {
        match fs::symlink_metadata(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(e) => return Err(e.to_string()),
            Ok(meta) if meta.is_symlink() => return Err("it is a link".into()),
            Ok(meta) if !meta.is_file() => return Err("it is no file".into()),
            Ok(meta) if meta.len() > MOST => return Err("it is too long".into()),
            Ok(_) => {}
        }

        let mut text = Vec::new();
        fs::File::open(path)
            .and_then(|file| file.take(MOST).read_to_end(&mut text))
            .map_err(|e| e.to_string())?;
        Self::parse(&text)
    }

    fn parse(text: &[u8]) -> Result<Self, String> {
        // serde would take a list of values for the fields in their order
        let value: serde_json::Map<String, Value> =
            serde_json::from_slice(text).map_err(|e| format!("it is not a JSON object: {e}"))?;
        serde_json::from_value(Value::Object(value))
            .map_err(|e| format!("what it says can't be right: {e}"))
    }

    /// What is recorded of a database. It may still be in the other place: the project had more
    /// databases, or fewer.
    pub fn of(&self, slot: &Slot) -> Recorded {
        let found = match slot {
            Slot::Only(_) if self.only.max_record_count.is_some() => Some(&self.only),
            Slot::Only(key) => self.databases.get(key),
            Slot::OneOf(key) => {
                let top = Some(&self.only).filter(|_| self.database.as_ref() == Some(key));
                self.databases.get(key).or(top)
            }
        };
        found.cloned().unwrap_or_default()
    }

    /// The other project whose counts these are.
    pub fn is_of_another(&self, project: &str) -> Option<&str> {
        self.project.as_deref().filter(|theirs| *theirs != project)
    }

    /// The same with what is to be recorded of a database.
    #[must_use]
    pub fn with(mut self, slot: &Slot, recorded: Recorded) -> Self {
        match slot {
            Slot::Only(key) => {
                self.databases.remove(key);
                self.database = Some(key.clone());
                self.only.put(recorded);
            }
            Slot::OneOf(key) => {
                if self.database.as_ref() == Some(key) {
                    self.database = None;
                    self.only.put(Recorded::default());
                }
                self.databases.entry(key.clone()).or_default().put(recorded);
            }
        }
        self
    }

    /// The same with the project whose counts these are.
    #[must_use]
    pub fn of_project(self, name: Option<&str>) -> Self {
        Self { project: name.map(String::from).or(self.project), ..self }
    }

    /// The same with who writes it, and when.
    #[must_use]
    pub fn updated(self, by: String, now: DateTime<Utc>) -> Self {
        let at = now.to_rfc3339_opts(SecondsFormat::Secs, false);
        Self { updated_at: at.into(), updated_by: by.into(), ..self }
    }

    /// As it is written.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As create-sql-dump.sh writes it.
    const DOCUMENT: &str = r#"{
  "max_record_count": 25000,
  "updated_at": "2024-01-15T10:30:00",
  "updated_by": "create-sql-dump.sh"
}"#;

    fn only() -> Slot {
        Slot::Only("main".into())
    }

    fn one_of(key: &str) -> Slot {
        Slot::OneOf(key.into())
    }

    fn counts(rows: u64) -> Recorded {
        Recorded { max_record_count: Some(rows), ..Recorded::default() }
    }

    /// A project gets a second database, and loses it again: the counts stay with their database.
    #[test]
    fn counts_move_with_the_number_of_databases() {
        let max = |file: &File, slot: &Slot| file.of(slot).max_record_count;
        let file = File::parse(br#"{ "note": "x" }"#).unwrap().with(&only(), counts(7));
        let file = File::parse(file.to_json().as_bytes()).unwrap();
        assert_eq!((max(&file, &one_of("main")), max(&file, &one_of("other"))), (Some(7), None));

        let file = file.with(&one_of("other"), counts(2)).with(&one_of("main"), counts(8));
        let file = File::parse(file.to_json().as_bytes()).unwrap();
        assert_eq!((max(&file, &only()), max(&file, &one_of("other"))), (Some(8), Some(2)));
        assert!(file.only.max_record_count.is_none() && file.to_json().contains("\"note\""));

        let file = file.with(&only(), counts(9));
        assert_eq!((max(&file, &only()), max(&file, &one_of("main"))), (Some(9), Some(9)));
        assert!(!file.databases.contains_key("main") && file.to_json().contains("\"note\""));
    }

    #[test]
    fn the_form_of_the_document_is_read_and_kept() {
        let file = File::parse(DOCUMENT.as_bytes()).unwrap();
        assert_eq!(file.of(&only()).max_record_count, Some(25_000));
        assert_eq!(file.of(&one_of("other")), Recorded::default());
        let written: Value = serde_json::from_str(&file.to_json()).unwrap();
        assert_eq!(written, serde_json::from_str::<Value>(DOCUMENT).unwrap());
    }

    #[test]
    fn what_others_wrote_stays() {
        let text = r#"{ "max_record_count": 1, "note": "x", "databases": { "main":
            { "max_record_count": 2, "owner": [1] }, "other": { "tables": { "public.a": 3 } } } }"#;
        let file = File::parse(text.as_bytes()).unwrap();
        let slot = one_of("main");
        let more = Recorded { max_record_count: Some(9), ..file.of(&slot) };
        let now = "2026-01-16T22:45:00.5Z".parse().unwrap();
        let file = file.with(&slot, more).of_project(Some("shop")).updated("db-backup".into(), now);

        let written: Value = serde_json::from_str(&file.to_json()).unwrap();
        let wanted = serde_json::json!({
            "max_record_count": 1, "note": "x", "project": "shop",
            "databases": {
                "main": { "max_record_count": 9, "owner": [1] },
                "other": { "tables": { "public.a": 3 } },
            },
            "updated_at": "2026-01-16T22:45:00+00:00", "updated_by": "db-backup",
        });
        assert_eq!(written, wanted);
        assert_eq!(File::parse(file.to_json().as_bytes()), Ok(file));
    }

    #[test]
    fn nonsense_is_no_ratchet() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        assert_eq!(File::read(&path), Ok(File::default()));

        for text in [
            "",
            "25000",
            "[25000]",
            "{ \"max_record_count\": -1 }",
            "{ \"max_record_count\": \"many\" }",
            "{ \"max_record_count\": 1.5 }",
            "{ \"tables\": [] }",
            "{ \"databases\": { \"main\": 7 } }",
            "{ \"max_record_count\": 25000",
            "\u{0}",
        ] {
            fs::write(&path, text).unwrap();
            assert!(File::read(&path).is_err(), "{text}");
        }

        fs::write(&path, vec![b' '; usize::try_from(MOST).unwrap() + 1]).unwrap();
        assert_eq!(File::read(&path), Err("it is too long".into()));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(File::read(&path), Err("it is no file".into()));

        #[cfg(unix)]
        {
            fs::remove_dir(&path).unwrap();
            fs::write(folder.path().join("elsewhere"), DOCUMENT).unwrap();
            std::os::unix::fs::symlink("elsewhere", &path).unwrap();
            assert_eq!(File::read(&path), Err("it is a link".into()));
        }
    }
}
