//! `[databases.NAME]`

use super::{Fallback, Kind, Setting, Table, Variables};

/// `[databases.NAME]`
pub static TABLE: Table = Table {
    path: "databases.NAME",
    name: "shop",
    text: "A PostgreSQL database. There must be at least one. With `container`, its client \
           programs run in the container, which also gives the user, the database and the port if \
           the file does not. With `cluster`, db-tasks runs a server for it. Otherwise, the \
           client programs of this machine connect to it.",
    exactly_one: &[],
    settings: &[&CONTAINER, &CLUSTER, &INIT, &PROGRAMS, &TESTING, &HOOKS],
};

/// `[databases.NAME.postgres]`
pub static POSTGRES: Table = Table {
    path: "databases.NAME.postgres",
    name: "shop",
    text: "How to connect. On one line: `postgres = { url = \"${DATABASE_URL}\" }`. `DATABASE_URL` \
           counts if none of `url`, `host`, `user` and `database` is in the file. The other \
           variables count if there is no URL. All of them count for one database only: the only \
           one, or `main`. With `cluster`, none counts.",
    exactly_one: &[],
    settings: &[&URL, &HOST, &PORT, &DATABASE, &USER, &PASSWORD_ENV, &MAINTENANCE],
};

/// The container that has the client programs.
pub static CONTAINER: Setting = Setting {
    key: "databases.NAME.container",
    kind: Kind::Text,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#""app""#,
    text: "The container of the server, by its name in `[containers]`.",
};

/// The project's own cluster.
pub static CLUSTER: Setting = Setting {
    key: "databases.NAME.cluster",
    kind: Kind::Text,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#"".db-tasks/pg""#,
    text: "The folder of a server of the project's own, made on first use: no install, no port. \
           Write this or `container`, not both.",
};

/// The first contents of a cluster.
pub static INIT: Setting = Setting {
    key: "databases.NAME.init",
    kind: Kind::Text,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#""db/sample.sql""#,
    text: "With `cluster`: SQL that is loaded once, when the database is first made.",
};

/// The folder of the client programs.
pub static PROGRAMS: Setting = Setting {
    key: "databases.NAME.programs",
    kind: Kind::Text,
    fallback: Fallback::Depends("the newest on this machine"),
    variables: Variables::Win(&["DB_TASKS_PG_BIN"]),
    example: r#""/usr/lib/postgresql/17/bin""#,
    text: "The folder with psql and pg_dump.",
};

/// The database for tests.
pub static TESTING: Setting = Setting {
    key: "databases.NAME.testing",
    kind: Kind::Text,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#""shop_test""#,
    text: "A database for tests, on the same server, that may be replaced at any time. \
           `TESTING=true db-prepare` fills it.",
};

/// The hooks of this database.
pub static HOOKS: Setting = Setting {
    key: "databases.NAME.hooks",
    kind: Kind::Like("hooks"),
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#"{ seed = "npm run seed:shop" }"#,
    text: "Hooks of this database. Its `migrate` and `seed` replace those of `[hooks]`; the \
           others run as well.",
};

/// The whole address.
pub static URL: Setting = Setting {
    key: "databases.NAME.postgres.url",
    kind: Kind::Text,
    fallback: Fallback::Nothing,
    variables: Variables::GiveWay(&["DATABASE_URL"]),
    example: r#""${DATABASE_URL}""#,
    text: "The connection URI. Keys next to it win over its parts.",
};

/// The host.
pub static HOST: Setting = Setting {
    key: "databases.NAME.postgres.host",
    kind: Kind::Text,
    fallback: Fallback::Nothing,
    variables: Variables::GiveWay(&["PGHOST", "POSTGRES_HOST"]),
    example: r#""localhost""#,
    text: "The host, or the folder of a socket.",
};

/// The port.
pub static PORT: Setting = Setting {
    key: "databases.NAME.postgres.port",
    kind: Kind::Port,
    fallback: Fallback::Nothing,
    variables: Variables::GiveWay(&["PGPORT", "POSTGRES_PORT"]),
    example: "5432",
    text: "The port. With `container`, it is the port inside the container.",
};

/// The database's name.
pub static DATABASE: Setting = Setting {
    key: "databases.NAME.postgres.database",
    kind: Kind::Text,
    fallback: Fallback::Nothing,
    variables: Variables::GiveWay(&["PGDATABASE", "POSTGRES_DB"]),
    example: r#""shop""#,
    text: "The name of the database.",
};

/// The role.
pub static USER: Setting = Setting {
    key: "databases.NAME.postgres.user",
    kind: Kind::Text,
    fallback: Fallback::Nothing,
    variables: Variables::GiveWay(&["PGUSER", "POSTGRES_USER"]),
    example: r#""shop""#,
    text: "The role to connect as.",
};

/// The variable with the password.
pub static PASSWORD_ENV: Setting = Setting {
    key: "databases.NAME.postgres.password-env",
    kind: Kind::Text,
    fallback: Fallback::Nothing,
    variables: Variables::GiveWay(&["PGPASSWORD", "POSTGRES_PASSWORD"]),
    example: r#""SHOP_PASSWORD""#,
    text: "The name of the variable that holds the password. The password itself is never in \
           the file.",
};

/// The database to connect to for work on databases.
pub static MAINTENANCE: Setting = Setting {
    key: "databases.NAME.postgres.maintenance-database",
    kind: Kind::Text,
    fallback: Fallback::Is("postgres"),
    variables: Variables::None,
    example: r#""postgres""#,
    text: "The database to connect to while databases are created, renamed and dropped.",
};
