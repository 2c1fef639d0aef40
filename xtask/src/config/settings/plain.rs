//! `[backup]`: how backups are written for people and git.

use super::{Fallback, Kind, Setting, Variables};

/// pg_dump's options.
pub static DUMP_ARGS: Setting = Setting {
    key: "backup.pg-dump-args",
    kind: Kind::Texts,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#"["--no-owner", "--no-privileges", "--clean", "--if-exists"]"#,
    text: "Options for pg_dump, of those that leave the checks true. A backup made with \
           `--exclude-table-data` is partial. Safety backups and salvages are made without them.",
};

/// The form.
pub static FORM: Setting = Setting {
    key: "backup.form",
    kind: Kind::OneOf(&["as-dumped", "stable"]),
    fallback: Fallback::Is("as-dumped"),
    variables: Variables::None,
    example: r#""stable""#,
    text: "The form of a dump: `as-dumped`, or `stable`. With `stable`, the same data makes the same \
           bytes, the manifest is one line, and a backup in which nothing has changed is not kept.",
};

/// Sorted tables.
pub static KEY_ORDER: Setting = Setting {
    key: "backup.key-order",
    kind: Kind::Texts,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#"["countries", 'shop."Odd.Name"']"#,
    text: "Tables whose rows are dumped in the order of their primary key, or of the whole row if \
           they have none. `*` stands for every table.",
};

/// The files' rights.
pub static MODE: Setting = Setting {
    key: "backup.mode",
    kind: Kind::Text,
    fallback: Fallback::Is("0600"),
    variables: Variables::None,
    example: r#""0640""#,
    text: "The rights of a backup's files, in octal. Safety backups and salvages are always `0600`.",
};

/// What names the newest.
pub static LATEST: Setting = Setting {
    key: "backup.latest",
    kind: Kind::OneOf(&["symlink", "hard-link", "pointer"]),
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#""symlink""#,
    text: "What names the newest good backup in its folder: a `symlink` or a `hard-link` \
           `latest.sql`, or a `pointer`, which is a text file `latest.txt` with the name in it. If \
           several databases have files of their own, each has one: `latest-KEY.sql`.",
};
