//! `[guards.ratchet]`

use super::{Fallback, Kind, Setting, Table, Variables};

/// Records that a database must have if the ratchet is active and nothing else is said.
pub const MIN: u32 = 100;

/// `[guards.ratchet]`
pub static TABLE: Table = Table {
    path: "guards.ratchet",
    name: "",
    text: "How many records a backup must hold: one with fewer is kept as `shrunken`, and ends with \
           exit code 7. The counts are in `.record_count_ratchet` in the backup folder. It is \
           active if this table is there, even an empty one, or if one of its variables is set.",
    exactly_one: &[],
    settings: &[&MIN_RECORDS, &PERCENTAGE, &TABLES],
};

/// The least.
pub static MIN_RECORDS: Setting = Setting {
    key: "guards.ratchet.min-records",
    kind: Kind::Number,
    fallback: Fallback::Depends("100"),
    variables: Variables::Win(&["SQL_DUMP_MIN_RECORDS"]),
    example: "100",
    text: "The rows that each database must have in all its tables.",
};

/// The share of the most.
pub static PERCENTAGE: Setting = Setting {
    key: "guards.ratchet.percentage",
    kind: Kind::Share,
    fallback: Fallback::Depends("0.9"),
    variables: Variables::Win(&["SQL_DUMP_RATCHET_PERCENTAGE"]),
    example: "0.9",
    text: "The share of the most rows ever backed up that must still be there: more than 0, and at \
           most 1.",
};

/// Tables with a ratchet of their own.
pub static TABLES: Setting = Setting {
    key: "guards.ratchet.tables",
    kind: Kind::Texts,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#"["orders", "shop.users"]"#,
    text: "Tables that must each keep that share of their own rows. If another one shrinks below it, \
           the backup is good, and says so.",
};
