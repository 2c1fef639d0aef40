//! Bytes from one end to the other, and the checks on the way.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::cmd::Cmd;
use crate::stream::{Checksum, Coding, Compression, Locking, Method};
use crate::value::{Address, Contents, Format, Spare, Stable, Swapped, TableRows, Trust, Without};

/// Bytes from one end to the other.
#[derive(Debug, Clone)]
pub struct Pipe {
    /// The store whose bytes these are; results are kept under it.
    pub store: String,
    /// What they are.
    pub format: Format,
    /// Where they come from.
    pub from: Source,
    /// Where they go.
    pub to: Sink,
    /// What must be checked before the end counts as good.
    pub proof: Proof,
}

impl Pipe {
    /// How the file's checksum is taken: as its manifest has it; a new one as its format wants it.
    pub fn summed_by(&self) -> Method {
        self.proof.sum.as_ref().map_or_else(|| self.format.sum(), |sum| sum.method)
    }
}

/// Where bytes come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A command's standard output.
    Command(Cmd),
    /// A pg_dump's.
    Dump(Box<Dumping>),
    /// A file, decoded.
    File {
        /// The file.
        path: PathBuf,
        /// How it is compressed, and what opens it.
        coding: Coding,
    },
    /// The same file without a key: its bytes are only compared with its checksum.
    Sealed(PathBuf),
    /// What a command makes of a file that it gets decoded: a compressed archive for pg_restore.
    Filtered {
        /// The file.
        path: PathBuf,
        /// How it is compressed, and what opens it.
        coding: Coding,
        /// The command.
        through: Cmd,
    },
    /// A store that this process itself reads.
    Store(Address),
}

/// A pg_dump, and the session whose snapshot it reads.
#[derive(Debug, Clone)]
pub struct Dumping {
    /// The command.
    pub dump: Cmd,
    /// What is done to the dump on its way, if it is not written as it comes.
    pub stable: Option<Stable>,
    /// A psql that exports a snapshot and holds it; none in the server's own container, where
    /// pg_dump can't reach another server.
    pub session: Option<Cmd>,
}

/// Where bytes go.
#[derive(Debug, Clone)]
pub enum Sink {
    /// A new file, compressed, perhaps encrypted, mode 0600, flushed to disk.
    File {
        /// The file; it must not exist.
        path: PathBuf,
        /// How to compress.
        compression: Compression,
        /// How to encrypt, if it is encrypted.
        locking: Option<Locking>,
        /// Its expected size in bytes: that of the last one.
        about: Option<u64>,
    },
    /// A psql that loads them.
    Psql(Box<Load>),
    /// A store that this process itself makes, next to the live one.
    Stage(Address),
    /// Nowhere: the bytes are only checked.
    Nowhere,
}

/// A psql that prepares a database and loads the bytes into it, in our transactions. One psql does
/// both: starting psql costs 10 ms, docker 90.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Load {
    /// The command.
    pub cmd: Cmd,
    /// The database that is loaded.
    pub into: String,
    /// Sent first: makes the database or empties it, and begins.
    pub before: String,
    /// Sent between pieces of a long dump: ends one transaction, if it is still ours, and begins
    /// another. None if it must be one transaction.
    pub between: Option<String>,
    /// What holds psql to SQL while it reads the dump.
    pub fence: Fence,
    /// How its rows are counted again.
    pub count: Count,
    /// Sent when everything is read and verified: COMMIT, and what comes after it.
    pub after: String,
    /// As which role it is loaded.
    pub by: By,
}

/// As which role a dump is loaded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum By {
    /// The project's own.
    Project,
    /// A loader role; what it can't do is done last, by the role that made it. A scratch database
    /// does not need that.
    Loader(Option<Handover>),
}

/// A psql that gets what a loader role left: see [`Spare::Handover`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Handover {
    /// The command.
    pub cmd: Cmd,
    /// Sent first: begins.
    pub before: String,
    /// Sent before what must come last of all (see [`Spare::Last`]).
    pub between: String,
    /// Sent at the end: COMMIT.
    pub after: String,
}

/// What holds psql to SQL while it reads a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fence {
    /// `\restrict` with our own key: nothing in the dump can make psql run a meta-command.
    Restricted,
    /// Nothing: this psql does not know it, or `--trust=psql` allows meta-commands.
    Open,
}

impl Fence {
    /// What psql gets before and after what is not ours.
    pub fn lines(self, key: &str) -> [String; 2] {
        match self {
            Self::Restricted => [format!("\\restrict {key}\n"), format!("\\unrestrict {key}\n")],
            Self::Open => [String::new(), String::new()],
        }
    }
}

/// How the rows that were loaded are counted again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Count {
    /// After COMMIT, while nobody uses the new database yet: half of them by what is sent last,
    /// half by this other session, which is started when the transaction has begun, and waits for
    /// its end.
    Shared(Cmd),
    /// Before COMMIT, by this SQL, because it is the live database itself: COMMIT is not sent
    /// unless the rows match the dump.
    First(String),
    /// They are not: a script of the repository may delete what it inserted.
    Not,
}

/// What to check in a stream.
#[derive(Debug, Clone, Default)]
pub struct Proof {
    /// The file's sum, from the manifest.
    pub sum: Option<Checksum>,
    /// The rows of every table, from the manifest.
    pub rows: Option<Vec<TableRows>>,
    /// What a store's artifact holds, from the manifest.
    pub contents: Option<Contents>,
    /// The parts of a script that psql does not get.
    pub leave_out: Vec<Spare>,
    /// The parts of a dump that are left out because they belong to others.
    pub without: Without,
    /// The option that leaves it out, if the load fails because of it.
    pub otherwise: Option<String>,
    /// How much to trust the script.
    pub trust: Trust,
    /// Bytes to expect, for progress; a guess.
    pub expected_bytes: Option<u64>,
}

/// Loads a backup that this run makes, by what its manifest says then: it does not exist yet when
/// the plan is made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reload {
    /// What it replaces; `None` for a trial.
    pub back: Option<ComeBack>,
    /// The backup's manifest.
    pub manifest: PathBuf,
    /// The database, by its key.
    pub store: String,
    /// Where it goes.
    pub load: Load,
    /// How the backup was encrypted, if it was. So is what is kept of a database that is replaced.
    #[serde(default)]
    pub locking: Option<Locking>,
    /// Extensions that exist already and may belong to another role: their comments stay as they
    /// are.
    pub comments: Vec<String>,
}

/// What is replaced when a backup is loaded again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ComeBack {
    /// Answers `t` as long as it is there.
    pub only_if: Cmd,
    /// How long it has been there.
    pub from: Swapped,
    /// Dumps it: if a run was killed, somebody may have used it since.
    pub dump: Cmd,
    /// Where that dump goes: the beginning of a path.
    pub kept_as: PathBuf,
}

impl Load {
    /// Whether it goes into a live database, and not into a new one.
    pub fn is_in_place(&self) -> bool {
        matches!((&self.count, &self.by), (Count::First(_), By::Project))
    }

    /// How many lines psql gets before the dump: it counts them in its messages.
    pub fn own_lines(&self) -> u64 {
        self.before.lines().count() as u64 + u64::from(self.fence == Fence::Restricted)
    }
}
