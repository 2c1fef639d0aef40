//! `[stores.NAME]`

use super::{Fallback, Kind, Setting, Table, Variables};

/// `[stores.NAME]`
pub static TABLE: Table = Table {
    path: "stores.NAME",
    name: "uploads",
    text: "A store next to PostgreSQL. All databases and stores are one backup: one folder with \
           one manifest. It is made, and restored, completely or not at all. `--only NAME` \
           selects a part.",
    exactly_one: &["files", "milvus"],
    settings: &[&CONTAINER, &OPTIONAL],
};

/// `[stores.NAME.files]`
pub static FILES: Table = Table {
    path: "stores.NAME.files",
    name: "uploads",
    text: "A folder of files. On one line: `files = { path = \"storage/uploads\" }`.",
    exactly_one: &[],
    settings: &[&PATH, &EXCLUDE, &KEEP_RIGHTS],
};

/// `[stores.NAME.milvus]`
pub static MILVUS: Table = Table {
    path: "stores.NAME.milvus",
    name: "vectors",
    text: "The collections of a Milvus database. On one line: `milvus = { url = \"…\" }`.",
    exactly_one: &[],
    settings: &[&URL, &DATABASE, &TOKEN_ENV, &WIPE],
};

/// The container that has the files.
pub static CONTAINER: Setting = Setting {
    key: "stores.NAME.container",
    kind: Kind::Text,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#""app""#,
    text: "The container that has the files, itself or in a volume, by its name in \
           `[containers]`.",
};

/// Whether a backup goes on without it.
pub static OPTIONAL: Setting = Setting {
    key: "stores.NAME.optional",
    kind: Kind::Switch,
    fallback: Fallback::Is("false"),
    variables: Variables::None,
    example: "true",
    text: "If the store is down, the backup goes on without it and is partial.",
};

/// The folder.
pub static PATH: Setting = Setting {
    key: "stores.NAME.files.path",
    kind: Kind::Text,
    fallback: Fallback::Required,
    variables: Variables::None,
    example: r#""storage/uploads""#,
    text: "The folder that holds the files.",
};

/// What is left out.
pub static EXCLUDE: Setting = Setting {
    key: "stores.NAME.files.exclude",
    kind: Kind::Texts,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#"["*.tmp", "cache/"]"#,
    text: "Globs of the files to leave out. A glob without a slash matches in every folder.",
};

/// Whether owners and set-id bits come back.
pub static KEEP_RIGHTS: Setting = Setting {
    key: "stores.NAME.files.keep-rights",
    kind: Kind::Switch,
    fallback: Fallback::Is("false"),
    variables: Variables::None,
    example: "true",
    text: "A restore also brings back set-id bits, and owners that the live files do not have. \
           Not for files in a container.",
};

/// The server's address.
pub static URL: Setting = Setting {
    key: "stores.NAME.milvus.url",
    kind: Kind::Text,
    fallback: Fallback::Is("http://localhost:19530"),
    variables: Variables::None,
    example: r#""http://localhost:19530""#,
    text: "The address of the server.",
};

/// The database.
pub static DATABASE: Setting = Setting {
    key: "stores.NAME.milvus.database",
    kind: Kind::Text,
    fallback: Fallback::Is("default"),
    variables: Variables::None,
    example: r#""default""#,
    text: "The Milvus database.",
};

/// The variable with the token.
pub static TOKEN_ENV: Setting = Setting {
    key: "stores.NAME.milvus.token-env",
    kind: Kind::Text,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#""MILVUS_TOKEN""#,
    text: "The name of the variable that holds the token: `user:password`, or an API key.",
};

/// What a wipe does.
pub static WIPE: Setting = Setting {
    key: "stores.NAME.milvus.wipe",
    kind: Kind::OneOf(&["drop", "empty"]),
    fallback: Fallback::Is("drop"),
    variables: Variables::None,
    example: r#""empty""#,
    text: "What a wipe does to collections: `drop` removes them, `empty` removes their entities.",
};
