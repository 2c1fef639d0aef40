//! Loads a backup that this run made, with all checks that its manifest allows.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::child;
use super::deed::Told;
use super::found::{Held, Means};
use super::pipe::pump;
use crate::bundle::Manifest;
use crate::bundle::ending::{self, partial};
use crate::disk::rename_new;
use crate::engine::postgres::change::in_place::unless_changed;
use crate::plan::{ComeBack, Load, Pipe, Proof, Reload, Sink, Source};
use crate::problem::{Code, Problem};
use crate::stream::{Codec, Compression};
use crate::value::{Format, Spare, Swapped, Trust, Without};

/// What psql does not get of a dump that this run, or the one before it, made: see [`Spare`].
const LEFT_OUT: [Spare; 5] = [
    Spare::Transaction,
    Spare::Restrict,
    Spare::TransactionTimeout,
    Spare::Extension,
    Spare::OwnDatabase,
];

/// Loads it, if it must be loaded. What has been there since a run was killed is dumped first, and
/// must not have changed.
pub fn reload(reload: &Reload, means: &mut Means<'_>) -> Result<Told> {
    let mut load = reload.load.clone();
    let mut told = Told::new();

    if let Some(back) = &reload.back {
        if child::command(&back.only_if, means.secrets, means.interrupt)?.trim() != "t" {
            let backup =
                reload.manifest.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let what = "nothing is brought back: the database has no mark of that reset, so it was \
                        not emptied, was already restored, or the reset was completed";
            return Ok(vec![format!(
                "{what}; what it held before the reset is in the backup of `{backup}`"
            )]);
        }

        // before anything else is made: what can't be brought back must not be dumped on every
        // attempt
        drop(of_the_manifest(reload)?);

        if back.from == Swapped::Since {
            let (path, kept) = keep(back, reload, load, means)?;
            load = kept;
            told.push(format!("its state until then is kept: {}", path.display()));
        }
    }

    let (from, proof) = of_the_manifest(reload)?;
    let to = Sink::Psql(Box::new(load));
    let loaded =
        pump(&Pipe { store: reload.store.clone(), format: Format::Script, from, to, proof }, means);
    let found =
        loaded.map_err(|e| if reload.back.is_none() { would_not_come_back(e) } else { e })?;

    told.extend(found.loaded.warnings.told());
    Ok(told)
}

/// What the trial is for.
fn would_not_come_back(error: anyhow::Error) -> anyhow::Error {
    let mut problem = Problem::of(error);
    problem.happened.insert(0, std::mem::take(&mut problem.tried));

    problem
        .told_as("the old data could not be restored from its backup here")
        .cure(
            "fix that; or have an administrator give the role CREATEDB: then the old database is \
             kept",
        )
        .into()
}

/// Dumps what is replaced, under a free name.
fn keep(
    back: &ComeBack,
    Reload { store, locking, .. }: &Reload,
    load: Load,
    means: &mut Means<'_>,
) -> Result<(PathBuf, Load)> {
    let codec = Codec::Zstd;
    let mut name = back.kept_as.clone().into_os_string();
    name.push((means.now)().format("_%Y%m%d_%H%M%S.").to_string());
    name.push(ending::artifact(Format::Script, codec, locking.as_ref()));

    let path = PathBuf::from(name);
    let pipe = Pipe {
        store: store.clone(),
        format: Format::Script,
        from: Source::Command(back.dump.clone()),
        to: Sink::File {
            path: partial(&path),
            compression: Compression::from(codec),
            locking: locking.clone(),
            about: None,
        },
        proof: Proof { trust: Trust::Repository, ..Proof::default() },
    };

    let found = pump(&pipe, means).inspect_err(|_| drop(std::fs::remove_file(partial(&path))))?;
    rename_new(&partial(&path), &path)?;

    let Held::Script(script) = &found.held else {
        anyhow::bail!("pg_dump of `{store}` gave no script")
    };

    let Some(load) = unless_changed(load, script) else {
        return Err(Problem::failed(format!("can't tell whether `{store}` changes meanwhile"))
            .because("another version of db-tasks began that run")
            .because(format!("the database is as it was found, and dumped to {}", path.display()))
            .cure("run `db-repair` with the version that began it")
            .into());
    };

    Ok((path, load))
}

/// The backup with the old data is not where it was made.
fn gone(file: &str, why: &str) -> Problem {
    Problem::failed(format!("the backup with the old data can't be read: `{file}`"))
        .code(Code::BackupDamaged)
        .because(why)
        .because("the database is as it was found")
        .cure(
            "put the file back, and run `db-repair`; if it is lost, restore another backup with \
             `--in-place` (`db-list`)",
        )
}

/// The file, and how to check it.
fn of_the_manifest(reload: &Reload) -> Result<(Source, Proof)> {
    let at = reload.manifest.display().to_string();
    let manifest = Manifest::read(&reload.manifest).map_err(|e| gone(&at, &format!("{e:#}")))?;
    let artifact = manifest.artifacts.iter().find(|artifact| artifact.store == reload.store);
    let artifact = artifact.ok_or_else(|| gone(&at, &format!("it has no `{}`", reload.store)))?;
    let path = reload.manifest.parent().unwrap_or(Path::new(".")).join(&artifact.file);

    if let Err(e) = std::fs::metadata(&path) {
        return Err(gone(&path.display().to_string(), &e.to_string()).into());
    }

    let proof = Proof {
        sum: Some(artifact.checksum.clone()),
        rows: Some(artifact.tables().to_vec()),
        leave_out: LEFT_OUT.to_vec(),
        without: Without { comments: reload.comments.clone(), ..Without::default() },
        trust: Trust::Dump,
        expected_bytes: Some(artifact.plain_bytes),
        ..Proof::default()
    };
    let keys = reload.locking.as_ref().and_then(|locking| locking.keys.clone());
    let coding = artifact.coding(&keys.unwrap_or_default());
    Ok((Source::File { path, coding }, proof))
}
