//! `[schedule]`

use super::{Fallback, Kind, Setting, Table, Variables};

/// `[schedule]`
pub static TABLE: Table = Table {
    path: "schedule",
    name: "",
    text: "When `db-schedule` backs up, removes old backups and tries a restore: an interval \
           (`24h`, `30 days`), a cron expression of five fields by the clock of the machine \
           (`0 3 * * *`), or `never`.",
    exactly_one: &[],
    settings: &[&BACKUP, &CLEANUP, &TRIAL_RESTORE, &JITTER, &ENVIRONMENTS, &HEALTH_FILE],
};

/// When it backs up.
pub static BACKUP: Setting = Setting {
    key: "schedule.backup",
    kind: Kind::Rhythm,
    fallback: Fallback::Depends("every `backup.interval-hours`"),
    variables: Variables::None,
    example: r#""0 3 * * *""#,
    text: "When it runs `db-backup`. A number alone is hours.",
};

/// When it removes old backups.
pub static CLEANUP: Setting = Setting {
    key: "schedule.cleanup",
    kind: Kind::Rhythm,
    fallback: Fallback::Is("1d"),
    variables: Variables::Win(&["BACKUP_CLEANUP_INTERVAL_DAYS"]),
    example: r#""1d""#,
    text: "When it runs `db-cleanup`. A number alone is days.",
};

/// When it tries a restore.
pub static TRIAL_RESTORE: Setting = Setting {
    key: "schedule.trial-restore",
    kind: Kind::Rhythm,
    fallback: Fallback::Is("never"),
    variables: Variables::None,
    example: r#""30 days""#,
    text: "When it runs `db-verify --deep --latest`: the newest backup is restored into a scratch \
           database, its rows are compared, and the scratch database is removed. A number alone is \
           days.",
};

/// The most by which a start is put off.
pub static JITTER: Setting = Setting {
    key: "schedule.jitter",
    kind: Kind::Text,
    fallback: Fallback::Is("0s"),
    variables: Variables::None,
    example: r#""5m""#,
    text: "The most by which each start is put off, so that many machines do not start at once.",
};

/// Where it starts by itself.
pub static ENVIRONMENTS: Setting = Setting {
    key: "schedule.environments",
    kind: Kind::Texts,
    fallback: Fallback::Depends("the names of production: `production`, `prod`, `prd`, `live`"),
    variables: Variables::None,
    example: r#"["production", "staging"]"#,
    text: "The environments in which `db-schedule run --automatic` works; elsewhere it says so, and \
           ends.",
};

/// A file that it keeps fresh.
pub static HEALTH_FILE: Setting = Setting {
    key: "schedule.health-file",
    kind: Kind::Text,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#""/tmp/db-tasks.health""#,
    text: "A file that `db-schedule run` writes at least once a minute: `db-tasks: ok`, or what is \
           wrong. It must not be another file of yours. `db-schedule check` says the same without \
           it.",
};
