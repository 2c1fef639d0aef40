//! `[project]`

use super::{Fallback, Kind, Setting, Table, Variables};

/// The environment, if nothing names one.
pub const DEVELOPMENT: &str = "development";

/// `[project]`
pub static TABLE: Table = Table {
    path: "project",
    name: "",
    text: "What this project is called, and where it runs.",
    exactly_one: &[],
    settings: &[&NAME, &ENVIRONMENT, &LOGS],
};

/// The project's name.
pub static NAME: Setting = Setting {
    key: "project.name",
    kind: Kind::Text,
    fallback: Fallback::Depends("the name of the folder"),
    variables: Variables::None,
    example: r#""shop""#,
    text: "The name of the project. Each backup records it.",
};

/// The environment.
pub static ENVIRONMENT: Setting = Setting {
    key: "project.environment",
    kind: Kind::Text,
    fallback: Fallback::Is(DEVELOPMENT),
    variables: Variables::Win(&["ENVIRONMENT"]),
    example: r#""${ENVIRONMENT:-development}""#,
    text: "The environment, for the guards. A protected name that is written here, and not as \
           `${VAR}`, can't be replaced by a variable. If neither the key nor `ENVIRONMENT` is set, \
           the framework's variable counts (`NODE_ENV` and others); of several, a protected one.",
};

/// The folder of the logs.
pub static LOGS: Setting = Setting {
    key: "project.logs",
    kind: Kind::Text,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#""logs""#,
    text: "A folder that gets a log of each run that may change something. The newest 100 are \
           kept.",
};
