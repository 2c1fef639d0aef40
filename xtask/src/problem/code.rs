//! The kinds of problems, for programs: a code never changes its meaning. Texts are for people.

use super::Exit;

/// What kind of problem it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// `failed`
    Failed,
    /// `usage`
    Usage,
    /// `refused`
    Refused,
    /// `declined`
    Declined,
    /// `locked`
    Locked,
    /// `interrupted`
    Interrupted,
    /// `config`
    Config,
    /// `guard`
    Guard,
    /// `untrusted`
    Untrusted,
    /// `wrong-target`
    WrongTarget,
    /// `server-unreachable`
    ServerUnreachable,
    /// `login-refused`
    LoginRefused,
    /// `no-such-database`
    NoSuchDatabase,
    /// `container-down`
    ContainerDown,
    /// `program-missing`
    ProgramMissing,
    /// `program-failed`
    ProgramFailed,
    /// `hook-failed`
    HookFailed,
    /// `timed-out`
    TimedOut,
    /// `unsupported`
    Unsupported,
    /// `rights-missing`
    RightsMissing,
    /// `no-room`
    NoRoom,
    /// `file-error`
    FileError,
    /// `name-taken`
    NameTaken,
    /// `changed-meanwhile`
    ChangedMeanwhile,
    /// `unfinished`
    Unfinished,
    /// `no-such-backup`
    NoSuchBackup,
    /// `backup-damaged`
    BackupDamaged,
    /// `backup-incomplete`
    BackupIncomplete,
    /// `backup-unfit`
    BackupUnfit,
    /// `no-key`
    NoKey,
    /// `nothing-to-undo`
    NothingToUndo,
    /// `shrunken`
    Shrunken,
    /// `audit-changed`
    AuditChanged,
}

/// Every code with its word and what it means, as `docs/json.md` lists them.
pub const CODES: [(Code, &str, &str); 33] = [
    (Code::Failed, "failed", "It failed, and no other code fits"),
    (Code::Usage, "usage", "The command line is wrong"),
    (
        Code::Refused,
        "refused",
        "Something is in the way, and `db-tasks` does not remove it by itself",
    ),
    (Code::Declined, "declined", "A person said no"),
    (Code::Locked, "locked", "Another run is at work"),
    (Code::Interrupted, "interrupted", "A signal ended the run"),
    (
        Code::Config,
        "config",
        "`db-tasks.toml`, `.env` or a variable is wrong, or something is missing there",
    ),
    (Code::Guard, "guard", "A guard refused; `verdicts` says which"),
    (
        Code::Untrusted,
        "untrusted",
        "A repository, an archive or a file would do what only a trusted one may",
    ),
    (
        Code::WrongTarget,
        "wrong-target",
        "It would reach the wrong server, container or database, or could not rule that out",
    ),
    (Code::ServerUnreachable, "server-unreachable", "A server does not answer"),
    (Code::LoginRefused, "login-refused", "A server answers, but does not let the role log in"),
    (Code::NoSuchDatabase, "no-such-database", "There is no such database, or no cluster yet"),
    (Code::ContainerDown, "container-down", "A container is missing, stopped, paused or not ready"),
    (
        Code::ProgramMissing,
        "program-missing",
        "A program is not on this machine, or can't be started",
    ),
    (Code::ProgramFailed, "program-failed", "A program failed; `happened` begins with its message"),
    (Code::HookFailed, "hook-failed", "A hook failed, timed out or asked a question"),
    (Code::TimedOut, "timed-out", "Something timed out"),
    (Code::Unsupported, "unsupported", "This version or this build can't do it"),
    (Code::RightsMissing, "rights-missing", "The role or the user may not do this"),
    (Code::NoRoom, "no-room", "A disk is full, or would be"),
    (Code::FileError, "file-error", "A file or a folder can't be read or written"),
    (Code::NameTaken, "name-taken", "A name that is needed is taken"),
    (
        Code::ChangedMeanwhile,
        "changed-meanwhile",
        "Something is no longer as it was when the plan was made",
    ),
    (
        Code::Unfinished,
        "unfinished",
        "An earlier run was interrupted, and what it left is in the way",
    ),
    (Code::NoSuchBackup, "no-such-backup", "There is no such backup, or no good one"),
    (Code::BackupDamaged, "backup-damaged", "A backup does not match its manifest, or its format"),
    (Code::BackupIncomplete, "backup-incomplete", "A backup would lack something"),
    (
        Code::BackupUnfit,
        "backup-unfit",
        "A backup is of another project, database, kind or version",
    ),
    (Code::NoKey, "no-key", "A key to read an encrypted backup is missing, wrong or unusable"),
    (Code::NothingToUndo, "nothing-to-undo", "No previous data is kept"),
    (Code::Shrunken, "shrunken", "A backup holds fewer records than the ratchet wants"),
    (
        Code::AuditChanged,
        "audit-changed",
        "The audit log was edited or cut, or lines of it are missing or moved",
    ),
];

impl Code {
    /// The word that stands in the JSON.
    pub fn word(self) -> &'static str {
        let known = CODES.iter().find(|(code, ..)| *code == self);
        known.map_or("failed", |(_, word, _)| word)
    }

    /// What is known by the exit code alone.
    pub(super) fn of(exit: Exit) -> Self {
        match exit {
            Exit::Done | Exit::Failed | Exit::FinishedBut => Self::Failed,
            Exit::Usage => Self::Usage,
            Exit::Refused => Self::Refused,
            Exit::Declined => Self::Declined,
            Exit::Locked => Self::Locked,
            Exit::Shrunken => Self::Shrunken,
            Exit::Interrupted => Self::Interrupted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_word_of_its_own() {
        for (at, (code, word, _)) in CODES.iter().enumerate() {
            assert_eq!(code.word(), *word);
            // the order of the list is that of the enum: none is missing
            assert_eq!(*code as usize, at);
            assert!(CODES.iter().skip(at + 1).all(|(_, other, _)| other != word), "{word}");
        }
    }
}
