//! What a dump's file says of itself, before anything is done with it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::bundle::{Artifact, Backup};
use crate::cmd::Cmd;
use crate::config::{Env, Project, Secrets};
use crate::door::ask::ask;
use crate::engine::postgres::loader::Loader;
use crate::engine::postgres::script::{Scanner, Without};
use crate::engine::postgres::version::Version;
use crate::engine::store::Format;
use crate::facts::loader::Stranger;
use crate::facts::programs::{self, Programs};
use crate::place::Place;
use crate::plan::Source;
use crate::problem::Problem;
use crate::stream::{self, Codec, SNIFF_LEN, Sniffed};

/// Enough of a dump to hold the versions that pg_dump writes at its head.
const HEAD: u64 = 16 * 1024;

/// What is restored: the file and what is known of it.
#[derive(Debug, Clone)]
pub struct Dump {
    /// The backup that it is of.
    pub backup: Backup,
    /// The manifest's entry, where there is a manifest.
    pub artifact: Option<Artifact>,
    /// The bytes.
    pub source: Source,
    /// The server it was dumped from.
    pub dumped_from: Option<Version>,
    /// The pg_dump that wrote it.
    pub dumped_by: Option<Version>,
    /// By whom it is loaded, where it is from elsewhere.
    pub stranger: Option<Stranger>,
    /// What of it is left out where it is loaded.
    pub fit: Fit,
}

/// A dump on one server, as one role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fit {
    /// What is left out.
    pub without: Without,
    /// The same in words.
    pub notes: Vec<String>,
    /// What leaves owners and rights out, where they are not and the load fails over one: a line that can be pasted.
    pub otherwise: Option<String>,
}

/// Whose a dump is. That a manifest is there proves that a file is whole, and not whose it is: whoever may write one may write both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The project's own: it lies among its backups.
    Own,
    /// It has a manifest of this project, and lies elsewhere.
    Unsure,
    /// It has none, or one of another project.
    Elsewhere,
}

impl Dump {
    /// Whose it is, by where it lies and what stands beside it.
    pub fn origin(&self, backups: &Path) -> Origin {
        let other = self.backup.other_project.is_some() && self.backup.manifest().is_some_and(|m| m.project_named);
        if self.artifact.is_none() || other {
            return Origin::Elsewhere;
        }
        let real = |folder: &Path| folder.canonicalize().ok();
        let at_home = real(self.backup.folder()).is_some_and(|folder| real(backups) == Some(folder));
        if at_home { Origin::Own } else { Origin::Unsure }
    }

    /// The role of the run's own that loads it.
    pub fn loader(&self) -> Option<&Loader> {
        self.stranger.as_ref()?.by.as_ref().ok()
    }

    /// Its file.
    pub fn file(&self) -> PathBuf {
        match &self.artifact {
            Some(artifact) => self.backup.folder().join(&artifact.file),
            None => self.backup.path.clone(),
        }
    }
}

/// Looks at the file of one database or store (by its key; the only one where none is given) in a backup. A foreign file is taken
/// for one of `format`; a manifest knows better.
pub fn look(backup: &Backup, key: Option<&str>, format: Format, project: &Project, env: &Env) -> Result<Dump> {
    let artifact = backup.manifest().and_then(|m| match key {
        Some(key) => m.artifacts.iter().find(|a| a.store == key).or(m.artifacts.first().filter(|_| m.artifacts.len() == 1)),
        None => m.artifacts.first(),
    });
    if backup.manifest().is_some() && artifact.is_none() {
        return Err(Problem::usage(format!("the backup `{}` holds no `{}`", backup.name, key.unwrap_or_default())).into());
    }
    let format = artifact.map_or(format, Artifact::format);
    let path = artifact.map_or_else(|| backup.path.clone(), |a| backup.folder().join(&a.file));
    let sniffed = sniff(&path)?;
    let (source, head) = match sniffed {
        found if format != Format::Script => {
            let codec =
                found.codec().or((found == Sniffed::Tar).then_some(Codec::Plain)).ok_or_else(|| unusable(&path, found))?;
            (Source::File { path: path.clone(), codec }, Default::default())
        }
        Sniffed::PgCustom => {
            let (source, version) = archive(&path, project, env)?;
            // it is pg_restore that writes the script, and a newer one than its pg_dump may
            (source, (version, None))
        }
        other => {
            let codec = other.codec().ok_or_else(|| unusable(&path, other))?;
            (Source::File { path: path.clone(), codec }, head(&path, codec))
        }
    };
    let version = |text: Option<&String>| text.and_then(|t| Version::parse(t));
    Ok(Dump {
        backup: backup.clone(),
        dumped_from: version(artifact.map(|a| &a.server_version)).or(version(head.0.as_ref())),
        dumped_by: version(artifact.and_then(|a| a.dump_version.as_ref())).or(version(head.1.as_ref())),
        artifact: artifact.cloned(),
        source,
        stranger: None,
        fit: Fit::default(),
    })
}

fn sniff(path: &Path) -> Result<Sniffed> {
    let unreadable = |e: std::io::Error| Problem::failed(format!("could not read `{}`", path.display())).because(e.to_string());
    let mut head = Vec::new();
    File::open(path).map_err(unreadable)?.take(SNIFF_LEN as u64).read_to_end(&mut head).map_err(unreadable)?;
    Ok(stream::sniff(&head))
}

/// The versions of the server and of pg_dump, from a dump's head. A damaged head has none; the whole read says why.
fn head(path: &Path, codec: Codec) -> (Option<String>, Option<String>) {
    let mut text = Vec::new();
    let opened = File::open(path).and_then(|f| stream::decoder(codec, f));
    if let Ok(decoder) = opened {
        drop(decoder.take(HEAD).read_to_end(&mut text));
    }
    let mut scanner = Scanner::new();
    scanner.feed(&text);
    let script = scanner.finish();
    (script.server_version, script.dump_version)
}

/// A custom-format archive becomes a script by way of pg_restore, which reads it whole and fails on a damaged one. One that is older
/// than the pg_dump can't read it at all. Gives the version of the server that it is of, too.
fn archive(path: &Path, project: &Project, env: &Env) -> Result<(Source, Option<String>)> {
    let configured = project.databases.iter().find_map(|d| d.programs.as_deref());
    let found = programs::find(configured, "pg_restore", env);
    let of =
        |folder: &Programs, cmd: Cmd| Place::Host { programs: Some(folder.folder.clone()) }.wrap(cmd.arg(path.to_string_lossy()));
    let script = |folder| Source::Command(of(folder, Cmd::new("pg_restore").args(["--file=-", "--exit-on-error"])));
    let mut refused = None;
    for folder in &found {
        let list = ask(&of(folder, Cmd::new("pg_restore").arg("--list")), &Secrets::default())?;
        if list.good {
            let version = list
                .out
                .lines()
                .find_map(|line| line.trim_start_matches([';', ' ']).strip_prefix("Dumped from database version: "));
            return Ok((script(folder), version.map(String::from)));
        }
        refused.get_or_insert(list.err);
    }
    match (refused, found.first()) {
        (Some(why), _) if why.contains("unsupported version") => Err(Problem::failed(format!(
            "`{}` was written by a newer pg_dump than the `pg_restore` on this machine",
            path.display()
        ))
        .because(why)
        .cure("install a PostgreSQL client of its version and name its folder in `programs`, or dump with `--format=plain`")
        .into()),
        // the whole read says what is wrong with it
        (_, Some(folder)) => Ok((script(folder), None)),
        (_, None) => Err(Problem::failed(format!(
            "`{}` is an archive of pg_dump's custom format, and there is no `pg_restore` on this machine to read it",
            path.display()
        ))
        .cure("install the PostgreSQL client, or dump with `--format=plain`")
        .into()),
    }
}

fn unusable(path: &Path, sniffed: Sniffed) -> Problem {
    let (what, cure) = match sniffed {
        Sniffed::Empty => ("is empty", "use another backup (`db-list`)"),
        Sniffed::Xz => ("is compressed with xz", "unpack it first: `xz -d`"),
        Sniffed::Bzip2 => ("is compressed with bzip2", "unpack it first: `bzip2 -d`"),
        Sniffed::Zip => ("is a zip archive", "unpack it first"),
        Sniffed::Tar => {
            ("is a tar archive", "unpack it first; pg_dump's own tar format goes through `pg_restore --file=dump.sql`")
        }
        _ => ("is no SQL dump", "a plain pg_dump, .gz or .zst of one, or pg_dump's custom format can be restored"),
    };
    Problem::failed(format!("`{}` {what}", path.display())).cure(cure)
}
