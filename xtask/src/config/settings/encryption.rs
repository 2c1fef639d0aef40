//! `[encryption]`

use super::{Fallback, Kind, Setting, Table, Variables};

/// `[encryption]`
pub static TABLE: Table = Table {
    path: "encryption",
    name: "",
    text: "Encryption of new backups by age, to recipients or with a passphrase: see \
           [encryption.md](encryption.md). It must be built in (`--features age`).",
    exactly_one: &[],
    settings: &[&RECIPIENTS, &PASSPHRASE, &IDENTITY],
};

/// Public keys.
pub static RECIPIENTS: Setting = Setting {
    key: "encryption.recipients",
    kind: Kind::Texts,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#"["age1lvyvwawkr0mcnnnncaghunadrqkmuf9e6507x9y920xxpp866cnql7dp2z"]"#,
    text: "Public keys of age. The owner of each can read the backups, and nobody else. They are \
           no secret.",
};

/// A passphrase.
pub static PASSPHRASE: Setting = Setting {
    key: "encryption.passphrase-file",
    kind: Kind::Text,
    fallback: Fallback::Nothing,
    variables: Variables::Win(&["DB_TASKS_AGE_PASSPHRASE_FILE"]),
    example: r#""/etc/shop/backup.passphrase""#,
    text: "A file with a passphrase in its first line, with which backups are encrypted if there \
           are no recipients, and read.",
};

/// Private keys.
pub static IDENTITY: Setting = Setting {
    key: "encryption.identity-file",
    kind: Kind::Text,
    fallback: Fallback::Nothing,
    variables: Variables::Win(&["DB_TASKS_AGE_IDENTITY"]),
    example: r#""/etc/shop/backup.key""#,
    text: "A file with private keys, as `age-keygen` writes it, with which backups are read. \
           Machines that only make backups need none.",
};
