//! Who is told how a command ended, as `[notices.NAME]` says it.

use super::hooks::Run;
use super::secret::SecretName;

/// `[notices.NAME]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its name.
    pub name: String,
    /// What it is sent for.
    pub on: Vec<On>,
    /// The words of the commands that it is sent for; none: all.
    pub commands: Vec<String>,
    /// The environments that it is sent from; none: all.
    pub environments: Vec<String>,
    /// The way it goes.
    pub way: Way,
}

/// What may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum On {
    /// A command has done its work.
    Success,
    /// A command has failed.
    Failure,
    /// A guard has refused a command.
    Refusal,
    /// A wipe has changed data, or has tried to.
    Wipe,
    /// A reset has.
    Reset,
    /// A backup holds too little.
    Shrunken,
    /// `db-status --check` has found something, such as an old backup.
    Stale,
}

impl On {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Success,
        Self::Failure,
        Self::Refusal,
        Self::Wipe,
        Self::Reset,
        Self::Shrunken,
        Self::Stale,
    ];

    /// As `db-tasks.toml` says it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Refusal => "refusal",
            Self::Wipe => "wipe",
            Self::Reset => "reset",
            Self::Shrunken => "shrunken",
            Self::Stale => "stale",
        }
    }
}

/// The way a notice goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// A POST to an address, which is a secret: whoever knows it can write there.
    Webhook {
        /// The address.
        url: SecretName,
        /// What is posted.
        shape: Shape,
    },
    /// A dead man's ping: an address that must hear of each run.
    Ping(SecretName),
    /// A mail.
    Mail {
        /// Its receivers.
        to: Vec<String>,
        /// Its sender.
        from: String,
        /// The server; none: the machine's own `sendmail`.
        server: Option<MailServer>,
    },
    /// A program that reads a JSON document.
    Command(Run),
}

/// What is posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Our JSON document.
    Json,
    /// What Slack, Mattermost and Rocket.Chat read.
    Slack,
    /// What Discord reads.
    Discord,
    /// What ntfy reads.
    Ntfy,
}

/// A server that takes mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailServer {
    /// `smtp://host:587`, or `smtps://host`.
    pub url: String,
    /// Who logs in, and with which password.
    pub login: Option<(String, SecretName)>,
}
