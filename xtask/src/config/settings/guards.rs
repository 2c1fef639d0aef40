//! `[guards]`

use super::{Fallback, Kind, Setting, Table, Variables};

/// `[guards]`
pub static TABLE: Table = Table {
    path: "guards",
    name: "",
    text: "Which data may be replaced, and which may not.",
    exactly_one: &[],
    settings: &[
        &PROTECTED_ENVIRONMENTS,
        &ALLOWED_HOSTS,
        &AGENT_VARIABLE,
        &KEEP_TABLES,
        &WAIT_FOR_LOCKS,
    ],
};

/// `[guards.pins]`
pub static PINS: Table = Table {
    path: "guards.pins",
    name: "reset",
    text: "Safety pins, by task: variables that must be set in the environment, and not in \
           `.env`, before the task may run. On one line: `pins = { reset = \"…\" }`.",
    exactly_one: &[],
    settings: &[&PIN],
};

/// Protected environments.
pub static PROTECTED_ENVIRONMENTS: Setting = Setting {
    key: "guards.protected-environments",
    kind: Kind::Texts,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#"["staging"]"#,
    text: "Environments in which no live data is replaced; no flag lifts this. `production`, \
           `prod`, `prd` and `live` are always protected, and so are longer names such as \
           `prod-eu`.",
};

/// Allowed hosts.
pub static ALLOWED_HOSTS: Setting = Setting {
    key: "guards.allowed-hosts",
    kind: Kind::Texts,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#"["db.test.example"]"#,
    text: "Hosts, in addition to this machine, whose data may be replaced. The host of a container is \
           that of its engine (`DOCKER_HOST`, docker's context and so on).",
};

/// The variable with a person's words.
pub static AGENT_VARIABLE: Setting = Setting {
    key: "guards.agent-variable",
    kind: Kind::Text,
    fallback: Fallback::Is("DB_TASKS_PERSON_SAYS"),
    variables: Variables::None,
    example: r#""DB_TASKS_PERSON_SAYS""#,
    text: "The variable in which a coding agent passes on a person's words, which must contain \
           the task and the database.",
};

/// Tables that a wipe leaves alone.
pub static KEEP_TABLES: Setting = Setting {
    key: "guards.keep-tables",
    kind: Kind::Texts,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#"["countries", 'shop."Odd.Name"']"#,
    text: "Tables that a wipe leaves alone. It always leaves the ledgers of known migrators \
           alone.",
};

/// How long locks are waited for.
pub static WAIT_FOR_LOCKS: Setting = Setting {
    key: "guards.wait-for-locks",
    kind: Kind::Number,
    fallback: Fallback::Depends("no limit"),
    variables: Variables::None,
    example: "300",
    text: "Seconds to wait for a lock that others hold.",
};

/// A task's pin.
pub static PIN: Setting = Setting {
    key: "guards.pins.TASK",
    kind: Kind::Pin,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#""ALLOW_DATABASE_RESET=true""#,
    text: "The variable and its value. `wipe` always has `ALLOW_DATABASE_WIPE=true`; another pin \
           is added to it.",
};
