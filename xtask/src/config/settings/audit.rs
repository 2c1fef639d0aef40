//! `[audit]`

use super::{Fallback, Kind, Setting, Table, Variables};

/// `[audit]`
pub static TABLE: Table = Table {
    path: "audit",
    name: "",
    text: "The record of who ran what, which `db-log` shows.",
    exactly_one: &[],
    settings: &[&FILE],
};

/// The file.
pub static FILE: Setting = Setting {
    key: "audit.file",
    kind: Kind::Text,
    fallback: Fallback::Depends("`.db-tasks/audit.jsonl`"),
    variables: Variables::Win(&["DB_TASKS_AUDIT_FILE"]),
    example: r#""/srv/team/shop-audit.jsonl""#,
    text: "The audit log, such as one that a team shares. Its folder must be there. Who may read \
           and write the file stays as you set it.",
};
