//! Sealing: the manifest is written and files get their final names, in an order in which a crash
//! leaves nothing incomplete.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};

use super::found::{Found, Held};
use super::{noted, ratchet, unchanged};
use crate::bundle::ending::partial;
use crate::bundle::manifest::{
    Artifact, Holds, LEDGERS, Manifest, Missing, Postgresql, Verification,
};
use crate::bundle::ratchet::Shrunk;
use crate::config::{Form, Mode};
use crate::disk;
use crate::engine::postgres::script::{Half, Script};
use crate::plan::{Outcome, Seal};
use crate::problem::{Code, Problem};
use crate::value::{Anchor, Contents};

/// How a backup is written.
#[derive(Clone, Copy, Default)]
struct Dress {
    mode: Mode,
    form: Form,
}

/// Performs a seal. It returns what to tell of it.
pub fn seal(
    seal: &Seal,
    found: &BTreeMap<String, Found>,
    audit: Option<&Anchor>,
    now: DateTime<Utc>,
) -> Result<Vec<String>> {
    let done = match seal {
        Seal::Backup { manifest, manifest_path, names, mode, form, kept, held_to } => {
            let anchored = Manifest { audit: audit.cloned(), ..manifest.as_ref().clone() };
            let manifest = filled_in(anchored, found, now)?;
            let from = partial(manifest_path);
            let dress = Dress { mode: *mode, form: *form };

            let shrunken = held_to.as_deref().map(|to| (to, ratchet::shrunk(&to.demands, found)));
            match shrunken.filter(|(_, shrunk)| !shrunk.is_empty()) {
                None => {
                    let same = |kept| unchanged::in_place_of(&manifest, names, kept, *mode, now);
                    if let Some(told) = kept.as_ref().map_or(Ok(None), same)? {
                        return Ok(vec![told]);
                    }
                    write(&manifest, &from, manifest_path, names, dress)
                }
                Some((to, shrunk)) => {
                    let manifest = shrunken_by(manifest, shrunk, &to.names);
                    write(&manifest, &from, &to.manifest_path, &to.names, dress)?;
                    return Ok(vec![kept_as(&to.names)]);
                }
            }
        }
        Seal::Counted(counted) => return ratchet::note(counted, found, now),
        Seal::Adopted { manifest, manifest_path } => {
            let anchored = Manifest { audit: audit.cloned(), ..manifest.as_ref().clone() };
            let manifest = adopted(anchored, found, now)?;
            write(&manifest, &partial(manifest_path), manifest_path, &[], Dress::default())
        }
        Seal::Verified { manifest_path, how, outcome } => noted::record(
            manifest_path,
            Verification { when: now, how: (*how).into(), good: *outcome == Outcome::Good },
        ),
        Seal::Pinned { manifest_path, pin } => noted::record_pin(manifest_path, pin.clone()),
    };
    done.map(|()| Vec::new())
}

/// The manifest of a backup that does not hold what it must, under the names that it gets.
fn shrunken_by(
    mut manifest: Manifest,
    shrunk: Vec<Shrunk>,
    names: &[(PathBuf, PathBuf)],
) -> Manifest {
    for artifact in &mut manifest.artifacts {
        let from = partial(Path::new(&artifact.file));
        let named = names.iter().find(|(name, _)| name.file_name() == from.file_name());
        if let Some(name) = named.and_then(|(_, to)| to.file_name()) {
            artifact.file = name.to_string_lossy().into_owned();
        }
    }

    Manifest { partial: true, shrunken: shrunk, ..manifest }
}

fn kept_as(names: &[(PathBuf, PathBuf)]) -> String {
    let names = names.iter().filter_map(|(_, to)| to.file_name());
    let names: Vec<String> = names.map(|name| format!("`{}`", name.to_string_lossy())).collect();
    format!("it holds fewer records than the ratchet wants, and is kept as {}", names.join(", "))
}

/// Artifacts get their names before the manifest gets its own: a manifest never names a file that
/// is not there. `from` is its partial name beside a file.
fn write(
    manifest: &Manifest,
    from: &Path,
    path: &Path,
    names: &[(PathBuf, PathBuf)],
    dress: Dress,
) -> Result<()> {
    let text = match dress.form {
        Form::AsDumped => manifest.to_json(),
        Form::Stable => manifest.to_line(),
    };

    // in a set, the manifest is written into the folder while that has its partial name
    let folder = names.iter().find(|(from, _)| from.is_dir());
    let inside = folder.and_then(|(from, to)| Some(from.join(path.strip_prefix(to).ok()?)));

    match inside {
        Some(inside) => disk::replace(&inside, &partial(&inside), text.as_bytes())?,
        None => disk::write_anew(from, text.as_bytes())?,
    }

    let flat = folder.is_none().then(|| (from.to_path_buf(), path.to_path_buf()));
    for (unnamed, _) in names.iter().chain(&flat) {
        open_to(unnamed, dress.mode)?;
    }

    let mut given: Vec<&(PathBuf, PathBuf)> = Vec::new();
    for name in names.iter().chain(&flat) {
        if let Err(e) = disk::rename_new(&name.0, &name.1) {
            take_back(&given, from);
            return Err(e);
        }
        given.push(name);
    }

    let written = names.first().map_or(path, |(_, to)| to.as_path());
    disk::sync_folder(written.parent().unwrap_or(Path::new(".")))
}

/// Gives a file, or a folder and the files in it, the rights that were asked for. They were made
/// private.
fn open_to(path: &Path, mode: Mode) -> Result<()> {
    if mode == Mode::default() {
        return Ok(());
    }
    if !path.is_dir() {
        return Ok(disk::set_mode(path, mode.of_file())?);
    }

    for file in fs::read_dir(path)? {
        disk::set_mode(&file?.path(), mode.of_file())?;
    }
    Ok(disk::set_mode(path, mode.of_folder())?)
}

/// Renames the files back, so that the clean-up finds them; the manifest is removed at once.
fn take_back(given: &[&(PathBuf, PathBuf)], manifest: &Path) {
    for (from, to) in given {
        // the first error is the one to report
        drop(fs::rename(to, from));
    }
    drop(fs::remove_file(manifest));
}

fn filled_in(
    mut manifest: Manifest,
    found: &BTreeMap<String, Found>,
    now: DateTime<Utc>,
) -> Result<Manifest> {
    for artifact in &mut manifest.artifacts {
        let found = found
            .get(&artifact.store)
            .with_context(|| format!("nothing was dumped for `{}`", artifact.store))?;
        manifest.missing.extend(fill_in(artifact, found)?);
    }

    manifest.partial = !manifest.missing.is_empty();
    manifest.host = super::state::machine();
    if let Some(first) = manifest.missing.first().filter(|_| manifest.reason.is_safety()) {
        return Err(Problem::failed(format!(
            "the backup is partial: `{}` is not complete in it",
            first.store
        ))
        .code(Code::BackupIncomplete)
        .because(&first.why)
        .cure(
            "the steps after it were not begun; stop what writes there, or start what is down, and \
             run the command again",
        )
        .into());
    }

    manifest.verified.push(Verification { when: now, how: "written".into(), good: true });
    Ok(manifest)
}

/// What a file holds that another tool made. The one that was just read is the last that was found.
fn adopted(
    mut manifest: Manifest,
    found: &BTreeMap<String, Found>,
    now: DateTime<Utc>,
) -> Result<Manifest> {
    for artifact in &mut manifest.artifacts {
        let found = found.get(&artifact.store).context("an adopted file was not read")?;
        fill_in(artifact, found)?;
        (artifact.started, artifact.seconds) = (manifest.created, 0.0);

        let why = match &found.held {
            Held::Script(script) if script.half == Some(Half::Definitions) => {
                Some("it has no rows, as with `pg_dump --schema-only`")
            }
            Held::Script(script) if script.half == Some(Half::Rows) => {
                Some("it makes no tables, as with `pg_dump --data-only`")
            }
            Held::Script(script) if script.tables.is_empty() => Some("it has no tables"),
            _ => None,
        };
        manifest.missing.extend(why.map(|why| Missing {
            store: artifact.store.clone(),
            why: why.into(),
            table: None,
        }));
    }

    manifest.partial = !manifest.missing.is_empty();
    manifest.verified.push(Verification { when: now, how: "quick".into(), good: true });
    Ok(manifest)
}

/// Returns what is missing from it.
fn fill_in(artifact: &mut Artifact, found: &Found) -> Result<Option<Missing>> {
    artifact.bytes = found.sum.bytes;
    artifact.checksum = found.sum.checksum();
    artifact.plain_bytes = found.plain_bytes;
    artifact.started = found.started;
    artifact.seconds = found.took.as_secs_f64();

    let contents = match (&mut artifact.holds, &found.held) {
        (Holds::Postgresql(known), Held::Script(script)) => {
            artifact.rows = script.tables.iter().map(|t| t.rows).sum();
            dumped(known, script);
            return Ok(None);
        }
        (Holds::Tree(roll), Held::Contents(contents @ Contents::Tree(found))) => {
            *roll = found.clone();
            contents
        }
        (Holds::Milvus(known), Held::Contents(contents @ Contents::Collections(found))) => {
            known.held = found.clone();
            contents
        }
        _ => anyhow::bail!("what was read of `{}` is of another kind", artifact.store),
    };

    artifact.rows = contents.items();
    let changed = contents.changed();
    Ok((!changed.is_empty()).then(|| Missing {
        store: artifact.store.clone(),
        why: format!("it changed while it was read: {}", changed.join(", ")),
        table: None,
    }))
}

/// What a dump says of its database.
fn dumped(known: &mut Postgresql, script: &Script) {
    let is_ledger = |table: &str| {
        let name = table.rsplit('.').next().map(|name| name.trim_matches('"'));
        name.is_some_and(|name| LEDGERS.contains(&name))
    };

    if known.server_version.is_empty() {
        known.server_version = script.server_version.clone().unwrap_or_default();
    }

    known.dump_version.clone_from(&script.dump_version);
    known.large_objects = script.large_objects;
    known.migrations = script.tables.iter().filter(|t| is_ledger(&t.table)).cloned().collect();
    known.tables.clone_from(&script.tables);
    known.claims = Some(script.claims.clone());
}
