//! Bytes from one end to the other, and what they must prove on the way.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::cmd::Cmd;
use crate::stream::{Checksum, Codec, Compression};
use crate::value::{Address, Contents, Format, Spare, Swapped, TableRows, Trust, Without};

/// Bytes from one end to the other.
#[derive(Debug, Clone)]
pub struct Pipe {
    /// The store whose bytes these are; proofs are kept under it.
    pub store: String,
    /// What they are.
    pub format: Format,
    /// Where they come from.
    pub from: Source,
    /// Where they go.
    pub to: Sink,
    /// What must have been proved before the end is called good.
    pub proof: Proof,
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
        /// How it is compressed.
        codec: Codec,
    },
    /// What a command makes of a file, which it is fed decoded: a compressed archive for
    /// pg_restore.
    Filtered {
        /// The file.
        path: PathBuf,
        /// How it is compressed.
        codec: Codec,
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
    /// A psql that gives out a snapshot and holds it; none in the server's own container, where
    /// pg_dump can be led nowhere else.
    pub session: Option<Cmd>,
}

/// Where bytes go.
#[derive(Debug, Clone)]
pub enum Sink {
    /// A new file, compressed, mode 0600, flushed to disk.
    File {
        /// The file; it must not exist.
        path: PathBuf,
        /// How to compress.
        compression: Compression,
        /// Bytes that it takes by all that is known before: those of the last one.
        about: Option<u64>,
    },
    /// A psql that loads them.
    Psql(Box<Load>),
    /// A store that this process itself makes anew, beside what is live.
    Stage(Address),
    /// Nowhere: the bytes are only proved.
    Nowhere,
}

/// A psql that makes a database ready and loads the bytes into it, in transactions of ours. A start
/// of psql costs 10 ms, one of docker 90: so it is one psql for both.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Load {
    /// The command.
    pub cmd: Cmd,
    /// The database that is loaded.
    pub into: String,
    /// Sent first: makes the database or empties it, and begins.
    pub before: String,
    /// Sent between pieces of a long dump: ends one transaction, if it is still ours, and begins
    /// another. None where it must be one.
    pub between: Option<String>,
    /// What holds psql to SQL while it reads the dump.
    pub fence: Fence,
    /// How its rows are counted again.
    pub count: Count,
    /// Sent when everything was read and has proved good: COMMIT, and what comes after it.
    pub after: String,
    /// As which role it is loaded.
    pub by: By,
}

/// As which role a dump is loaded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum By {
    /// The project's own.
    Project,
    /// One of the run's own, and what it could not do, done by the role that made it, last. A
    /// scratch database needs none of that.
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
    /// `\restrict` with a key of the run's own: no byte of the dump can make psql run a
    /// meta-command.
    Restricted,
    /// Nothing: this psql does not know it, or the person has said that meta-commands are to run.
    Open,
}

impl Fence {
    /// What psql is told before and behind what is not ours.
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
    /// After COMMIT, while nobody knows the new database yet: half of them by what is sent last,
    /// half by this other session, which is started when the transaction has begun, and waits
    /// for its end.
    Shared(Cmd),
    /// Before COMMIT, by this SQL, for it is the live database itself: it is not sent where they
    /// are not what the dump brought.
    First(String),
    /// They are not: a script of the repository's own may delete what it has inserted.
    Not,
}

/// What a stream must prove.
#[derive(Debug, Clone, Default)]
pub struct Proof {
    /// The file's sum, from the manifest.
    pub sum: Option<Checksum>,
    /// The rows of every table, from the manifest.
    pub rows: Option<Vec<TableRows>>,
    /// What a store's artifact holds, from the manifest.
    pub contents: Option<Contents>,
    /// What of a script psql does not get.
    pub leave_out: Vec<Spare>,
    /// What of a dump is left out because it is others'.
    pub without: Without,
    /// What leaves that out, where it is not, and the load fails over it.
    pub otherwise: Option<String>,
    /// How much to trust the script.
    pub trust: Trust,
    /// Bytes to expect, for progress; a guess.
    pub expected_bytes: Option<u64>,
}

/// Loads a backup of the run's own, by what its manifest says then: when it is planned, there is
/// none yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reload {
    /// In the place of what; none where it is only tried.
    pub back: Option<ComeBack>,
    /// The backup's manifest.
    pub manifest: PathBuf,
    /// The database, by its key.
    pub store: String,
    /// Where it goes.
    pub load: Load,
    /// Extensions that are there and may be somebody else's, whose comment stays as it is.
    pub comments: Vec<String>,
}

/// What gives way to a backup that is loaded again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ComeBack {
    /// Answers `t` as long as it is there.
    pub only_if: Cmd,
    /// How long it has been there.
    pub from: Swapped,
    /// Dumps it: somebody may have gone on in it, where a run was cut off.
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
