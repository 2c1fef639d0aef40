//! `[retention]`

use super::{Fallback, Kind, Setting, Table, Variables, backup};

/// `[retention.NAME]`
pub static TABLE: Table = Table {
    path: "retention.NAME",
    name: "releases",
    text: "Keep rules for some of the backups, in place of those in `[backup]`: those with one of \
           these labels, of one of these databases and stores. A rule that is not written here is \
           as in `[backup]`. If several tables mean a backup, it stays if any of them keeps it.",
    exactly_one: &[],
    settings: &[
        &LABELS,
        &OF,
        &KEEP_DAYS,
        &MIN_KEEP,
        &KEEP_LAST,
        &KEEP_WITHIN,
        &KEEP_HOURLY,
        &KEEP_DAILY,
        &KEEP_WEEKLY,
        &KEEP_MONTHLY,
        &KEEP_YEARLY,
    ],
};

/// The labels.
pub static LABELS: Setting = Setting {
    key: "retention.NAME.labels",
    kind: Kind::Texts,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#"["before-v*"]"#,
    text: "The labels that it is for (`db-backup --label`), with `*` and `?`.",
};

/// The databases and stores.
pub static OF: Setting = Setting {
    key: "retention.NAME.of",
    kind: Kind::Texts,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#"["main"]"#,
    text: "The databases and stores that it is for, by their keys: a backup of any of them.",
};

/// In place of the one in `[backup]`.
pub static KEEP_DAYS: Setting = as_in_backup("retention.NAME.keep-days", &backup::KEEP_DAYS);

/// In place of the one in `[backup]`.
pub static MIN_KEEP: Setting = as_in_backup("retention.NAME.min-keep", &backup::MIN_KEEP);

/// In place of the one in `[backup]`.
pub static KEEP_LAST: Setting = as_in_backup("retention.NAME.keep-last", &backup::KEEP_LAST);

/// In place of the one in `[backup]`.
pub static KEEP_WITHIN: Setting = as_in_backup("retention.NAME.keep-within", &backup::KEEP_WITHIN);

/// In place of the one in `[backup]`.
pub static KEEP_HOURLY: Setting = as_in_backup("retention.NAME.keep-hourly", &backup::KEEP_HOURLY);

/// In place of the one in `[backup]`.
pub static KEEP_DAILY: Setting = as_in_backup("retention.NAME.keep-daily", &backup::KEEP_DAILY);

/// In place of the one in `[backup]`.
pub static KEEP_WEEKLY: Setting = as_in_backup("retention.NAME.keep-weekly", &backup::KEEP_WEEKLY);

/// In place of the one in `[backup]`.
pub static KEEP_MONTHLY: Setting =
    as_in_backup("retention.NAME.keep-monthly", &backup::KEEP_MONTHLY);

/// In place of the one in `[backup]`.
pub static KEEP_YEARLY: Setting = as_in_backup("retention.NAME.keep-yearly", &backup::KEEP_YEARLY);

const fn as_in_backup(key: &'static str, usual: &'static Setting) -> Setting {
    Setting {
        key,
        kind: usual.kind,
        fallback: Fallback::Depends("as in `[backup]`"),
        variables: Variables::None,
        example: usual.example,
        text: "As in `[backup]`, for these backups.",
    }
}
