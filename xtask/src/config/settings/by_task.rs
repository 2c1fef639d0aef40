//! `[restore]`, `[wipe]`, `[reset]`, `[prepare]`: what belongs to one task.

use super::{Fallback, Kind, Setting, Table, Variables};

/// `[restore]`
pub static RESTORE: Table = Table {
    path: "restore",
    name: "",
    text: "How backups are restored.",
    exactly_one: &[],
    settings: &[&RESTORE_NEXT, &NO_OWNER, &NO_PRIVILEGES],
};

/// `[wipe]`
pub static WIPE: Table = Table {
    path: "wipe",
    name: "",
    text: "What happens after a wipe.",
    exactly_one: &[],
    settings: &[&WIPE_NEXT],
};

/// `[reset]`
pub static RESET: Table = Table {
    path: "reset",
    name: "",
    text: "How a database is reset. `db-reset` backs up, puts an empty database in place of the \
           old one, and fills it with the hooks `migrate` and `seed`.",
    exactly_one: &[],
    settings: &[&STRATEGY, &RESET_NEXT],
};

/// `[prepare]`
pub static PREPARE: Table = Table {
    path: "prepare",
    name: "",
    text: "How a missing or empty database is filled.",
    exactly_one: &[],
    settings: &[&DUMP],
};

/// Lines to print after a restore.
pub static RESTORE_NEXT: Setting = Setting {
    key: "restore.next",
    kind: Kind::Texts,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#"["regenerate the client: npm run prisma:generate"]"#,
    text: "Lines that are printed after a restore.",
};

/// Leaves out owners.
pub static NO_OWNER: Setting = Setting {
    key: "restore.no-owner",
    kind: Kind::Switch,
    fallback: Fallback::Is("false"),
    variables: Variables::None,
    example: "true",
    text: "Leaves out who owns what in a dump: the role that loads it owns everything.",
};

/// Leaves out rights.
pub static NO_PRIVILEGES: Setting = Setting {
    key: "restore.no-privileges",
    kind: Kind::Switch,
    fallback: Fallback::Is("false"),
    variables: Variables::None,
    example: "true",
    text: "Leaves out who may do what in a dump, for a laptop that has none of production's roles.",
};

/// Lines to print after a wipe.
pub static WIPE_NEXT: Setting = Setting {
    key: "wipe.next",
    kind: Kind::Texts,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#"["fill it again: npm run db:seed"]"#,
    text: "Lines that are printed after a wipe.",
};

/// How a reset goes.
pub static STRATEGY: Setting = Setting {
    key: "reset.strategy",
    kind: Kind::OneOf(&["in-place", "staged"]),
    fallback: Fallback::Is("in-place"),
    variables: Variables::None,
    example: r#""staged""#,
    text: "`in-place` gives the empty database the live name and fills it there; if that fails, \
           the old one gets its name back. `staged` fills it under another name and swaps it in \
           when both hooks have succeeded.",
};

/// Lines to print after a reset.
pub static RESET_NEXT: Setting = Setting {
    key: "reset.next",
    kind: Kind::Texts,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#"["regenerate the client: npm run prisma:generate"]"#,
    text: "Lines that are printed after a reset.",
};

/// The dump that a new database starts from.
pub static DUMP: Setting = Setting {
    key: "prepare.dump",
    kind: Kind::Text,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#""configs/sql/first.sql.gz""#,
    text: "The dump that `db-prepare` loads into an empty database if there is no backup, and \
           that `db-prepare --replace` puts in place of data. Of a folder, such as one that git \
           brings, it is what `latest.sql` names there, otherwise the newest dump by the date in \
           its name.",
};
