//! `[containers.NAME]`

use super::{Fallback, Kind, Setting, Table, Variables};
use crate::tasks::Has;

/// `[containers.NAME]`
pub static TABLE: Table = Table {
    path: "containers.NAME",
    name: "app",
    text: "A container, by its name or by its compose service. Docker compose v1 and v2 and \
           podman-compose all work.",
    exactly_one: &["docker", "compose"],
    settings: &[&DOCKER, &ENGINE, &STOP_DURING, &READY_WITHIN],
};

/// `[containers.NAME.compose]`
pub static COMPOSE: Table = Table {
    path: "containers.NAME.compose",
    name: "api",
    text: "The compose service of a container, in place of `docker`. On one line: \
           `compose = { service = \"db\" }`.",
    exactly_one: &[],
    settings: &[&SERVICE, &FILE, &PROJECT, &INDEX],
};

/// The container's name.
pub static DOCKER: Setting = Setting {
    key: "containers.NAME.docker",
    kind: Kind::Text,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#""shop-postgres""#,
    text: "The name or the id of the container.",
};

/// The container engine.
pub static ENGINE: Setting = Setting {
    key: "containers.NAME.engine",
    kind: Kind::Text,
    fallback: Fallback::Depends("`docker` or `podman`, whichever is on PATH"),
    variables: Variables::None,
    example: r#""podman""#,
    text: "The program that runs the container: `docker`, `podman`, or a path.",
};

/// The tasks that stop the container.
pub static STOP_DURING: Setting = Setting {
    key: "containers.NAME.stop-during",
    kind: Kind::Tasks(Has::StoppedContainers),
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#"["restore", "undo", "reset", "wipe"]"#,
    text: "Tasks during which the container is stopped: any of `restore`, `undo`, `reset` and \
           `wipe`. Containers stop in the order of the file \
           before the database changes, and start in the reverse order afterwards. Only a \
           container that was running is started again, and one that does not exist is skipped.",
};

/// How long the container has to be ready again.
pub static READY_WITHIN: Setting = Setting {
    key: "containers.NAME.ready-within",
    kind: Kind::Number,
    fallback: Fallback::Is("60"),
    variables: Variables::None,
    example: "60",
    text: "Seconds in which a started container must be healthy, or running if it has no health \
           check.",
};

/// The service's name.
pub static SERVICE: Setting = Setting {
    key: "containers.NAME.compose.service",
    kind: Kind::Text,
    fallback: Fallback::Required,
    variables: Variables::None,
    example: r#""api""#,
    text: "The name of the service.",
};

/// The compose file.
pub static FILE: Setting = Setting {
    key: "containers.NAME.compose.file",
    kind: Kind::Text,
    fallback: Fallback::Depends("a compose file next to `db-tasks.toml`"),
    variables: Variables::None,
    example: r#""deploy/docker-compose.yml""#,
    text: "The compose file. Its folder distinguishes this compose project from others.",
};

/// The compose project.
pub static PROJECT: Setting = Setting {
    key: "containers.NAME.compose.project",
    kind: Kind::Text,
    fallback: Fallback::Nothing,
    variables: Variables::GiveWay(&["COMPOSE_PROJECT_NAME"]),
    example: r#""shop""#,
    text: "The compose project, if several have the service.",
};

/// Which replica.
pub static INDEX: Setting = Setting {
    key: "containers.NAME.compose.index",
    kind: Kind::Number,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: "1",
    text: "The number of the replica, if the service has several.",
};
