//! `[hooks]`

use super::{Fallback, Kind, Setting, Table, Variables};

/// `[hooks]`
pub static TABLE: Table = Table {
    path: "hooks",
    name: "migrate",
    text: "The project's own programs, by the moment at which they run: `migrate`, `seed`, and \
           `before-`, `after-`, `failed-` and `finally-` with a task, such as `before-reset`. A \
           `before-` hook that fails stops the run before anything changes. docs/hooks.md has \
           the variables that a hook gets.",
    exactly_one: &[],
    settings: &[&HOOK],
};

/// `[hooks.MOMENT]`, the long form.
pub static LONG: Table = Table {
    path: "hooks.MOMENT",
    name: "before-reset",
    text: "A hook in its long form. On one line: `before-reset = { run = \"…\", timeout = 30 }`.",
    exactly_one: &[],
    settings: &[&RUN, &CONTAINER, &TIMEOUT, &URL],
};

/// A hook in its short form.
pub static HOOK: Setting = Setting {
    key: "hooks.MOMENT",
    kind: Kind::Command,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#"["npx", "prisma", "migrate", "deploy"]"#,
    text: "What runs at this moment. An array runs without a shell, a string runs with `sh -c`. A \
           table has more settings.",
};

/// What it runs.
pub static RUN: Setting = Setting {
    key: "hooks.MOMENT.run",
    kind: Kind::Command,
    fallback: Fallback::Required,
    variables: Variables::None,
    example: r#""curl -fsS https://status.example/maintenance""#,
    text: "What runs: an array of words, or a line for `sh -c`.",
};

/// Where it runs.
pub static CONTAINER: Setting = Setting {
    key: "hooks.MOMENT.container",
    kind: Kind::Text,
    fallback: Fallback::Depends("this machine, in this folder"),
    variables: Variables::None,
    example: r#""app""#,
    text: "The container that the hook runs in, by its name in `[containers]`.",
};

/// When it is ended.
pub static TIMEOUT: Setting = Setting {
    key: "hooks.MOMENT.timeout",
    kind: Kind::Number,
    fallback: Fallback::Is("3600"),
    variables: Variables::None,
    example: "30",
    text: "Seconds after which the hook is terminated, with everything that it has started. In a \
           container, that needs `sh`.",
};

/// The address that it gets.
pub static URL: Setting = Setting {
    key: "hooks.MOMENT.url",
    kind: Kind::Text,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#""postgresql://shop@db/{database}""#,
    text: "The DATABASE_URL that the hook gets, valid where it runs. `{database}` is replaced by the name \
           of the database.",
};
