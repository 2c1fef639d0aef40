//! What `db-tasks --help` shows at its end: lines to copy. A test parses each of them.

const FIRST: [(&str, &str); 6] = [
    ("db-backup", "back up every database, and verify it"),
    ("db-list", "what there is to restore"),
    ("db-restore --latest", "replace the live data with the newest backup"),
    ("db-undo", "swap back what the last restore or reset replaced"),
    ("db-restore --latest --dry-run", "show every step and guard; change nothing"),
    ("db-status --check", "for a cron job: exit 1 when something needs a look"),
];

const CODES: &str = "\
Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 refused by a guard, 4 declined,
            5 another run holds the lock, 6 done, but an after- hook failed,
            7 backed up, but fewer records than the ratchet wants, 130 interrupted";

/// For the program as it was called: `cargo xtask`, `cargo db-tasks`, `db-tasks`.
pub(super) fn all(by: &str) -> String {
    let lines = FIRST.map(|(words, what)| format!("  {by} {words:<31}{what}\n"));
    format!("Examples:\n{}\n{CODES}", lines.concat())
}
