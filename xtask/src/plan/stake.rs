//! What a plan puts at stake, with what the guards look at.

use crate::value::Mark;

/// A live database that a plan replaces, with what the guards look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stake {
    /// Its name.
    pub database: String,
    /// Where it is: `localhost:5432`, `container pg`.
    pub at: String,
    /// Whether that is this machine.
    pub whereabouts: Whereabouts,
    /// The environment that the database says it is in (`dbtasks.environment`).
    pub marks: Vec<Mark>,
    /// Bytes on disk, if the role may know.
    pub size: Option<u64>,
    /// Who is connected.
    pub sessions: Vec<String>,
    /// The way back.
    pub safety: Safety,
}

/// Where live data is, as far as that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whereabouts {
    /// On this machine.
    Here,
    /// On this host, which is not this machine.
    Elsewhere(String),
    /// At an address of this machine, but the server is not known to be here: a tunnel ends at such
    /// an address.
    Unshown {
        /// The host.
        host: String,
        /// The port.
        port: String,
    },
}

impl Whereabouts {
    /// The host, if it is not this machine.
    pub fn by_host(elsewhere: Option<String>) -> Self {
        elsewhere.map_or(Self::Here, Self::Elsewhere)
    }
}

impl Stake {
    /// The databases' names, as a person types them.
    pub fn names(stakes: &[Self]) -> String {
        let mut names: Vec<&str> = stakes.iter().map(|s| s.database.as_str()).collect();
        names.dedup();
        names.join(" ")
    }

    /// Whether the data stays on the server, under another name.
    pub fn is_kept(&self) -> bool {
        self.safety == Safety::Kept
    }
}

/// What is left of the data that a plan removes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Safety {
    /// It stays on the server next to what replaces it: `db-undo` swaps it back.
    Kept,
    /// A backup, which the plan itself makes and verifies first.
    BackedUp,
    /// Only an older backup, if there is a good one: its name and age.
    Bare(Option<String>),
}
