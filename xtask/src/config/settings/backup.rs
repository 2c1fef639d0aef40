//! `[backup]`

use super::{Fallback, Kind, Setting, Table, Variables, plain};

/// Where each backup is a file.
pub const FLAT: &str = "{database}_{timestamp}.{ext}";
/// Where each is a folder.
pub const SET: &str = "backup_{timestamp}/{store}.{ext}";

/// `[backup]`
pub static TABLE: Table = Table {
    path: "backup",
    name: "",
    text: "How backups are made, and which of them are kept.",
    exactly_one: &[],
    settings: &[
        &DIR,
        &NAME,
        &TIMESTAMP,
        &COMPRESS,
        &LEVEL,
        &plain::DUMP_ARGS,
        &plain::FORM,
        &plain::KEY_ORDER,
        &plain::MODE,
        &plain::LATEST,
        &KEEP_DAYS,
        &MIN_KEEP,
        &KEEP_LAST,
        &KEEP_WITHIN,
        &KEEP_HOURLY,
        &KEEP_DAILY,
        &KEEP_WEEKLY,
        &KEEP_MONTHLY,
        &KEEP_YEARLY,
        &MAX_SIZE,
        &INTERVAL_HOURS,
        &ASK,
    ],
};

/// The folder.
pub static DIR: Setting = Setting {
    key: "backup.dir",
    kind: Kind::Text,
    fallback: Fallback::Is("backups"),
    variables: Variables::Win(&["BACKUP_DIR", "SQL_DUMP_DIR"]),
    example: r#""backups""#,
    text: "The folder of the backups.",
};

/// The name template.
pub static NAME: Setting = Setting {
    key: "backup.name",
    kind: Kind::Text,
    fallback: Fallback::Depends(
        "`{database}_{timestamp}.{ext}`; with stores, `backup_{timestamp}/{store}.{ext}`",
    ),
    variables: Variables::None,
    example: r#""backup_{timestamp}/{store}.{ext}""#,
    text: "The name of a backup, from `{project}`, `{environment}`, `{database}`, `{store}`, \
           `{timestamp}` and `{ext}`. With a folder in it, all databases and stores are one \
           backup.",
};

/// The format of the timestamp.
pub static TIMESTAMP: Setting = Setting {
    key: "backup.timestamp",
    kind: Kind::Text,
    fallback: Fallback::Is("%Y%m%d_%H%M%S"),
    variables: Variables::None,
    example: r#""%Y-%m-%dT%H-%M-%S""#,
    text: "The strftime format of `{timestamp}`, in UTC.",
};

/// The compression.
pub static COMPRESS: Setting = Setting {
    key: "backup.compress",
    kind: Kind::OneOf(&["zstd", "gzip", "none"]),
    fallback: Fallback::Is("zstd"),
    variables: Variables::None,
    example: r#""gzip""#,
    text: "How dumps are compressed: `zstd`, `gzip` or `none`.",
};

/// The compression level.
pub static LEVEL: Setting = Setting {
    key: "backup.level",
    kind: Kind::Number,
    fallback: Fallback::Depends("1 for zstd, 5 for gzip"),
    variables: Variables::None,
    example: "3",
    text: "The compression level: 1 to 19 for zstd, 1 to 9 for gzip.",
};

/// Days to keep each.
pub static KEEP_DAYS: Setting = Setting {
    key: "backup.keep-days",
    kind: Kind::Number,
    fallback: Fallback::Nothing,
    variables: Variables::Win(&["BACKUP_RETENTION_DAYS", "BACKUP_KEEP_DAYS"]),
    example: "30",
    text: "Days that each backup is kept. If it is not set, `db-backup` removes no old backups, and `db-cleanup` takes 30.",
};

/// Good ones to keep whatever their age.
pub static MIN_KEEP: Setting = Setting {
    key: "backup.min-keep",
    kind: Kind::Number,
    fallback: Fallback::Is("5"),
    variables: Variables::Win(&["BACKUP_MIN_KEEP"]),
    example: "5",
    text: "The number of good backups that are kept whatever their age.",
};

/// The last good ones.
pub static KEEP_LAST: Setting = Setting {
    key: "backup.keep-last",
    kind: Kind::Number,
    fallback: Fallback::Is("0"),
    variables: Variables::None,
    example: "7",
    text: "Keep this many of the last good backups. Rules only keep: what goes is what `keep-days` and all other rules let go, so `keep-days = 0` leaves it to the others.",
};

/// Up to an age.
pub static KEEP_WITHIN: Setting = Setting {
    key: "backup.keep-within",
    kind: Kind::Text,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#""2 weeks""#,
    text: "Keep good backups up to this age: `12h`, `3 days`, `2 weeks`, `1y 6months`. `m` is minutes.",
};

/// One an hour.
pub static KEEP_HOURLY: Setting = Setting {
    key: "backup.keep-hourly",
    kind: Kind::Number,
    fallback: Fallback::Is("0"),
    variables: Variables::None,
    example: "24",
    text: "Keep one backup an hour for this many hours.",
};

/// One a day.
pub static KEEP_DAILY: Setting = Setting {
    key: "backup.keep-daily",
    kind: Kind::Number,
    fallback: Fallback::Is("0"),
    variables: Variables::None,
    example: "7",
    text: "Keep one backup a day for this many days.",
};

/// One a week.
pub static KEEP_WEEKLY: Setting = Setting {
    key: "backup.keep-weekly",
    kind: Kind::Number,
    fallback: Fallback::Is("0"),
    variables: Variables::None,
    example: "4",
    text: "Keep one backup a week for this many weeks.",
};

/// One a month.
pub static KEEP_MONTHLY: Setting = Setting {
    key: "backup.keep-monthly",
    kind: Kind::Number,
    fallback: Fallback::Is("0"),
    variables: Variables::None,
    example: "12",
    text: "Keep one backup a month for this many months.",
};

/// One a year.
pub static KEEP_YEARLY: Setting = Setting {
    key: "backup.keep-yearly",
    kind: Kind::Number,
    fallback: Fallback::Is("0"),
    variables: Variables::None,
    example: "5",
    text: "Keep one backup a year for this many years.",
};

/// What all may take.
pub static MAX_SIZE: Setting = Setting {
    key: "backup.max-size",
    kind: Kind::Text,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#""20 GB""#,
    text: "The most that this project's backups may take. Above it the oldest go, whatever the other rules keep; `min-keep`, pinned backups and the last good one stay.",
};

/// Hours within which a new one is made.
pub static INTERVAL_HOURS: Setting = Setting {
    key: "backup.interval-hours",
    kind: Kind::Number,
    fallback: Fallback::Is("24"),
    variables: Variables::Win(&["BACKUP_INTERVAL_HOURS"]),
    example: "24",
    text: "Hours between two backups: `db-schedule` goes by it, and `db-status --check` calls the last \
           good backup old when they have passed.",
};

/// Whether a person is asked.
pub static ASK: Setting = Setting {
    key: "backup.ask",
    kind: Kind::Switch,
    fallback: Fallback::Is("false"),
    variables: Variables::None,
    example: "true",
    text: "Whether `db-backup` asks first, at a terminal. `SKIP_BACKUP_PROMPT=true` answers yes.",
};
