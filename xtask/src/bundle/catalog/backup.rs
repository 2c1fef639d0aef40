//! A backup, as it lies in its folder.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::super::ending;
use super::super::manifest::Manifest;
use super::super::named::is_of_the_folder;
use super::super::notes::Pinned;
use super::super::owner::{Sharing, is_ours};
use crate::config::Project;

/// One backup.
#[derive(Debug, Clone)]
pub struct Backup {
    /// The name people type: the file's or the folder's.
    pub name: String,
    /// The file, or the folder of a set.
    pub path: PathBuf,
    /// Its manifest, if it has one.
    pub manifest_path: Option<PathBuf>,
    /// When it was begun; for a foreign file the date in its name, otherwise its modification time.
    pub created: DateTime<Utc>,
    /// Bytes of its artifacts.
    pub bytes: u64,
    /// The project it belongs to, if that is not this one: no rule counts it, and nothing removes
    /// it.
    pub other_project: Option<String>,
    /// What is known of it.
    pub kind: Kind,
}

/// What is known of a backup.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Made by this tool, its files in place.
    Ours(Box<Manifest>),
    /// No manifest: scp'd, or made by hand.
    Foreign,
    /// It has a manifest and does not match it.
    Broken {
        /// Why.
        why: String,
        /// The manifest, if it could be read.
        manifest: Option<Box<Manifest>>,
    },
}

impl Backup {
    /// Its manifest's contents, if it has one that can be read.
    pub fn manifest(&self) -> Option<&Manifest> {
        match &self.kind {
            Kind::Ours(manifest) | Kind::Broken { manifest: Some(manifest), .. } => Some(manifest),
            _ => None,
        }
    }

    /// When the data was last known to be as it is in it: when it was begun, or when a newer dump was
    /// found to be the same.
    pub fn current_at(&self) -> DateTime<Utc> {
        let unchanged = self.manifest().and_then(Manifest::unchanged_at);
        unchanged.map_or(self.created, |when| when.max(self.created))
    }

    /// A short word on how far it can be trusted.
    pub fn state(&self) -> &'static str {
        match &self.kind {
            Kind::Foreign => "foreign",
            Kind::Broken { .. } => "broken",
            Kind::Ours(manifest) if !manifest.shrunken.is_empty() => "shrunken",
            Kind::Ours(manifest) if manifest.partial => "partial",
            Kind::Ours(manifest) => match manifest.last_verified() {
                Some(v) if !v.good => "failed",
                _ if manifest.untried.is_some() => "untried",
                Some(v) if v.how == "deep" => "verified deep",
                Some(_) => "verified",
                None => "unverified",
            },
        }
    }

    /// The same for people, with whether it is encrypted, its pin and the project it belongs to.
    pub fn shown_state(&self) -> String {
        let pin = self.manifest().and_then(|m| m.pinned.as_ref()).map(Pinned::to_string);
        let other = self.other_project.as_ref().map(|other| format!("of the project {other}"));
        let encrypted = self.manifest().and_then(Manifest::encryption).map(|_| "encrypted".into());
        let words = [Some(self.state().into()), encrypted, pin, other];
        words.into_iter().flatten().collect::<Vec<String>>().join(", ")
    }

    pub(super) fn seen_by(self, project: &Project, ground: Sharing) -> Self {
        let other =
            self.manifest().filter(|m| !is_ours(m, project, ground)).map(|m| m.project.clone());
        Self { other_project: other, ..self }
    }

    /// The same under the name of the file that its manifest describes.
    pub(super) fn under_the_name_of(self, path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self {
            name,
            path: path.to_path_buf(),
            bytes: fs::metadata(path).map_or(0, |m| m.len()),
            ..self
        }
    }

    /// A file that its manifest names but that is not this backup's: it is elsewhere, or its name
    /// does not fit the manifest's. Such a manifest may be read, but nothing is removed because of
    /// it.
    pub fn names_what_is_not_its_own(&self) -> Option<&str> {
        let manifest = self.manifest_path.as_deref()?;
        let is_own = |file: &str| {
            is_of_the_folder(file)
                && (self.is_set() || ending::manifest_beside(&self.folder().join(file)) == manifest)
        };
        self.manifest()?.artifacts.iter().map(|a| a.file.as_str()).find(|file| !is_own(file))
    }

    /// Whether it is a folder with a manifest of its own.
    pub fn is_set(&self) -> bool {
        self.manifest_path.as_deref().is_some_and(|manifest| manifest.starts_with(&self.path))
    }

    /// The folder that the manifest's file names are relative to.
    pub fn folder(&self) -> &Path {
        self.manifest_path.as_deref().unwrap_or(&self.path).parent().unwrap_or(Path::new("."))
    }
}
