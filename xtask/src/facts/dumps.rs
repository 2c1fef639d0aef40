//! What a dump's file says about itself, before anything is done with it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::bundle::manifest::Postgresql;
use crate::bundle::{Artifact, Backup, Reason};
use crate::config::{Env, Keys, Project};
use crate::engine::postgres::change::loader::Loader;
use crate::engine::postgres::client::version::Version;
use crate::engine::postgres::script::Scanner;
use crate::facts::archives::Archive;
use crate::plan::{Source, Word};
use crate::problem::{Code, Problem};
use crate::stream::{self, Codec, Coding, Encryption, Locked, SNIFF_LEN, Sniffed, artifact};
use crate::value::{DatabaseFacts, Format, Without};

/// Enough bytes to include the versions that pg_dump writes at the top.
const HEAD: u64 = 16 * 1024;

/// What is restored: the file and what is known of it.
#[derive(Debug, Clone)]
pub struct Dump {
    /// The backup it belongs to.
    pub backup: Backup,
    /// The manifest's entry, if there is a manifest.
    pub artifact: Option<Artifact>,
    /// The bytes.
    pub source: Source,
    /// What the file is.
    pub form: Form,
    /// The server it was dumped from.
    pub dumped_from: Option<Version>,
    /// The pg_dump that wrote it.
    pub dumped_by: Option<Version>,
    /// Which role loads it, if it is untrusted.
    pub stranger: Option<Stranger>,
    /// The parts of it that are left out of the load.
    pub fit: Fit,
}

/// An untrusted file: which role loads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger {
    /// A loader role, or why it is the project's role.
    pub by: Result<Loader, String>,
    /// Whether you trust its author.
    pub word: Word,
}

/// A dump on one server, as one role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fit {
    /// What is left out.
    pub without: Without,
    /// The same in words.
    pub notes: Vec<String>,
    /// A command that leaves out owners and rights, if the load fails because of one of them.
    pub otherwise: Option<String>,
}

/// What a dump's file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A script of psql.
    Plain,
    /// The same, made with `pg_dump --create`.
    WithCreate,
    /// An archive that pg_restore reads, in this format of pg_dump.
    Archive(&'static str),
}

/// Whose a dump is. A manifest shows that a file is complete, not whose it is: who can write one
/// can write both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The project's own: it is in its backup folder.
    Own,
    /// It has a manifest of this project, but is elsewhere.
    Unsure,
    /// It has none, or one of another project; or it was adopted, which says nothing of its author.
    Elsewhere,
}

impl Dump {
    /// Whose it is, by where it is and what is next to it.
    pub fn origin(&self, backups: &Path) -> Origin {
        let other = self.backup.other_project.is_some()
            && self.backup.manifest().is_some_and(|m| m.project_named);
        let adopted = self.backup.manifest().is_some_and(|m| m.reason == Reason::Adopted);
        if self.artifact.is_none() || adopted || other {
            return Origin::Elsewhere;
        }

        let real = |folder: &Path| folder.canonicalize().ok();
        let at_home = real(self.backup.folder()).is_some_and(|folder| {
            // a set is a folder of its own there
            let place = if self.backup.is_set() { folder.parent() } else { Some(&*folder) };
            place.is_some() && place == real(backups).as_deref()
        });
        if at_home { Origin::Own } else { Origin::Unsure }
    }

    /// The loader role that loads it.
    pub fn loader(&self) -> Option<&Loader> {
        self.stranger.as_ref()?.by.as_ref().ok()
    }

    /// What its manifest knows of a database.
    pub fn postgresql(&self) -> Option<&Postgresql> {
        self.artifact.as_ref()?.postgresql()
    }

    /// The database that it was made of, as its manifest describes it; that of an adopted file does
    /// not.
    pub fn database(&self) -> Option<&DatabaseFacts> {
        self.postgresql().map(|known| &known.database).filter(|database| !database.is_none())
    }

    /// Its file.
    pub fn file(&self) -> PathBuf {
        match &self.artifact {
            Some(artifact) => self.backup.folder().join(&artifact.file),
            None => self.backup.path.clone(),
        }
    }
}

/// Looks at the file of one database or store in a backup (by its key; the only one if none is
/// given). A foreign file counts as `format`; a manifest is more exact.
pub fn look(
    backup: &Backup,
    key: Option<&str>,
    format: Format,
    project: &Project,
    env: &Env,
) -> Result<Dump> {
    let artifact = artifact_of(backup, key)?;
    let keys = &project.encryption.keys;
    let format = artifact.map_or(format, Artifact::format);
    let path = artifact.map_or_else(|| backup.path.clone(), |a| backup.folder().join(&a.file));
    let Seen { source, form, server_version, dump_version } = match (artifact, format) {
        // what it is compressed with is known: whatever else is there is damage, and is noted
        (Some(artifact), Format::Script) => {
            let coding = artifact.coding(keys);
            let head = head(&path, &coding)?;
            script(&path, coding, &head)
        }
        (Some(artifact), _) => {
            let coding = artifact.coding(keys);
            // only what is encrypted needs a look: is there a key?
            coding.locked.is_some().then(|| head(&path, &coding)).transpose()?;
            artifact_of_a_store(&path, coding)
        }
        (None, Format::Script) => seen(&path, project, env)?,
        (None, _) => artifact_of_a_store(&path, coding_of_a_store(&path, keys)?),
    };
    let postgresql = artifact.and_then(Artifact::postgresql);
    let version = |text: Option<&str>| text.and_then(Version::parse);

    Ok(Dump {
        backup: backup.clone(),
        dumped_from: version(artifact.and_then(Artifact::server_version))
            .or(version(server_version.as_deref())),
        dumped_by: version(postgresql.and_then(|known| known.dump_version.as_deref()))
            .or(version(dump_version.as_deref())),
        artifact: artifact.cloned(),
        source,
        form,
        stranger: None,
        fit: Fit::default(),
    })
}

/// The file of one database or store in an encrypted backup that nobody here can read.
///
/// # Errors
/// As [`look`].
pub fn sealed(backup: &Backup, key: Option<&str>) -> Result<Dump> {
    let artifact = artifact_of(backup, key)?.cloned();
    let file = artifact.as_ref().map_or_else(PathBuf::new, |a| backup.folder().join(&a.file));

    Ok(Dump {
        backup: backup.clone(),
        artifact,
        source: Source::Sealed(file),
        form: Form::Plain,
        dumped_from: None,
        dumped_by: None,
        stranger: None,
        fit: Fit::default(),
    })
}

/// The manifest's entry of this key, or of the only one; `None` if there is no manifest.
fn artifact_of<'a>(backup: &'a Backup, key: Option<&str>) -> Result<Option<&'a Artifact>> {
    let Some(manifest) = backup.manifest() else { return Ok(None) };
    let artifacts = &manifest.artifacts;
    let found = match key {
        Some(key) => artifacts
            .iter()
            .find(|a| a.store == key)
            .or(artifacts.first().filter(|_| artifacts.len() == 1)),
        None => artifacts.first(),
    };

    found.map(Some).ok_or_else(|| {
        Problem::usage(format!("the backup `{}` has no `{}`", backup.name, key.unwrap_or_default()))
            .code(Code::NoSuchBackup)
            .into()
    })
}

/// What a look at a file tells.
struct Seen {
    source: Source,
    form: Form,
    server_version: Option<String>,
    dump_version: Option<String>,
}

fn artifact_of_a_store(path: &Path, coding: Coding) -> Seen {
    let source = Source::File { path: path.to_path_buf(), coding };
    Seen { source, form: Form::Plain, server_version: None, dump_version: None }
}

fn coding_of_a_store(path: &Path, keys: &Keys) -> Result<Coding> {
    let (found, locked) = unwrapped(path, keys)?;
    let codec = match found {
        Sniffed::Tar | Sniffed::PgTar => Codec::Plain,
        found => found.codec().ok_or_else(|| unusable(path, found))?,
    };
    Ok(Coding { codec, locked })
}

/// What a file is, or what is in it if it is encrypted, and then what opens it.
fn unwrapped(path: &Path, keys: &Keys) -> Result<(Sniffed, Option<Locked>)> {
    let outer = sniff(path)?;
    if outer != Sniffed::Age {
        return Ok((outer, None));
    }

    let by = Encryption::Age { recipients: Vec::new() };
    let locked = Some(Locked { by, keys: keys.clone() });
    let coding = Coding { codec: Codec::Plain, locked };
    let mut head = Vec::new();
    // a damaged head tells nothing; reading it to the end says why
    drop(artifact::look_into(path, &coding)?.take(SNIFF_LEN as u64).read_to_end(&mut head));

    Ok((stream::sniff(&head), coding.locked))
}

fn seen(path: &Path, project: &Project, env: &Env) -> Result<Seen> {
    if path.is_dir() {
        return archive(Archive::At(path), Form::Archive("directory"), project, env);
    }

    let (outer, locked) = unwrapped(path, &project.encryption.keys)?;
    let at = |locked: &Option<Locked>| match locked {
        None => Archive::At(path),
        Some(_) => Archive::Within(path, Coding { codec: Codec::Plain, locked: locked.clone() }),
    };
    let codec = match outer {
        Sniffed::PgCustom => return archive(at(&locked), Form::Archive("custom"), project, env),
        Sniffed::PgTar => return archive(at(&locked), Form::Archive("tar"), project, env),
        other => other.codec().ok_or_else(|| unusable(path, other))?,
    };

    let coding = Coding { codec, locked };
    let head = head(path, &coding)?;
    match stream::sniff(&head[..head.len().min(SNIFF_LEN)]) {
        Sniffed::PgCustom => {
            archive(Archive::Within(path, coding), Form::Archive("custom"), project, env)
        }
        Sniffed::PgTar => {
            archive(Archive::Within(path, coding), Form::Archive("tar"), project, env)
        }
        // a damaged head tells nothing; reading it to the end says why
        Sniffed::Text | Sniffed::Empty | Sniffed::Other => Ok(script(path, coding, &head)),
        other => Err(unusable(path, other).into()),
    }
}

fn script(path: &Path, coding: Coding, head: &[u8]) -> Seen {
    let mut scanner = Scanner::new();
    scanner.feed(head);

    let script = scanner.finish();
    Seen {
        source: Source::File { path: path.to_path_buf(), coding },
        form: if script.names_its_database { Form::WithCreate } else { Form::Plain },
        server_version: script.server_version,
        dump_version: script.dump_version,
    }
}

/// pg_restore writes the script, and it may be newer than the pg_dump.
fn archive(archive: Archive, form: Form, project: &Project, env: &Env) -> Result<Seen> {
    let (source, server_version) = archive.read(project, env)?;
    Ok(Seen { source, form, server_version, dump_version: None })
}

fn sniff(path: &Path) -> Result<Sniffed> {
    let unreadable = |e: std::io::Error| {
        Problem::failed(format!("could not read `{}`", path.display()))
            .code(Code::FileError)
            .because(e.to_string())
    };
    let mut head = Vec::new();

    File::open(path)
        .map_err(unreadable)?
        .take(SNIFF_LEN as u64)
        .read_to_end(&mut head)
        .map_err(unreadable)?;

    Ok(stream::sniff(&head))
}

/// The beginning of a file, decoded as far as possible. What is damaged is seen when it is read to
/// its end.
///
/// # Errors
/// No key opens it.
fn head(path: &Path, coding: &Coding) -> Result<Vec<u8>> {
    let mut head = Vec::new();
    match artifact::look_into(path, coding) {
        Ok(decoder) => drop(decoder.take(HEAD).read_to_end(&mut head)),
        Err(e) if matches!(e.code, Code::NoKey | Code::Unsupported) => return Err(e.into()),
        Err(_) => {}
    }
    Ok(head)
}

fn unusable(path: &Path, sniffed: Sniffed) -> Problem {
    let (what, cure) = match sniffed {
        Sniffed::Empty => ("is empty", "use another backup (`db-list`)".into()),
        Sniffed::Xz => {
            ("is compressed with xz", format!("unpack it first: `xz -dk {}`", path.display()))
        }
        Sniffed::Bzip2 => {
            ("is compressed with bzip2", format!("unpack it first: `bzip2 -dk {}`", path.display()))
        }
        Sniffed::Lz4 => {
            ("is compressed with lz4", format!("unpack it first: `lz4 -d {}`", path.display()))
        }
        Sniffed::Age => ("is encrypted twice", "decrypt it once: `age -d`".into()),
        Sniffed::Zstd | Sniffed::Gzip => {
            ("is compressed twice", "unpack it once, and restore what comes out".into())
        }
        Sniffed::Zip => ("is a zip archive", "unpack it first, and restore what is in it".into()),
        Sniffed::Tar => (
            "is a tar archive, but not one of pg_dump",
            "unpack it first, and restore what is in it".into(),
        ),
        Sniffed::Utf16 => (
            "is text in UTF-16, as PowerShell's `>` writes it",
            format!(
                "`iconv -f UTF-16 -t UTF-8 {} > dump.sql`, and check that its letters are right; \
                 better, dump again with `pg_dump --file=dump.sql`",
                path.display()
            ),
        ),
        Sniffed::MySql => (
            "is a dump of MySQL or MariaDB, not of PostgreSQL",
            "pgloader can move its data to PostgreSQL".into(),
        ),
        Sniffed::Sqlite => (
            "is a database of SQLite, not of PostgreSQL",
            "pgloader can move its data to PostgreSQL".into(),
        ),
        _ => (
            "is not an SQL dump",
            "db-tasks restores a plain dump or an archive of pg_dump, also as .gz or .zst".into(),
        ),
    };
    Problem::failed(format!("`{}` {what}", path.display())).cure(cure)
}
