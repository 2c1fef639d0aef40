//! Variables that belong to no key.

/// The names of all variables: of keys, of none, and those that do nothing.
pub fn all() -> Vec<&'static str> {
    let of_keys = super::all().flat_map(|setting| setting.variables.names());
    let others = VARIABLES.iter().flat_map(|variable| variable.names);
    of_keys.chain(others).copied().collect()
}

/// Variables with the same meaning.
#[derive(Debug)]
pub struct Variable {
    /// Their names; the first that is set counts.
    pub names: &'static [&'static str],
    /// What they do, in whole sentences.
    pub text: &'static str,
}

/// Variables that tell frameworks their environment.
pub const FRAMEWORKS: [&str; 8] = [
    "NODE_ENV",
    "RAILS_ENV",
    "RACK_ENV",
    "APP_ENV",
    "DJANGO_ENV",
    "FLASK_ENV",
    "MIX_ENV",
    "ASPNETCORE_ENVIRONMENT",
];

/// Every variable that belongs to no key, in the order in which they are shown.
pub static VARIABLES: &[Variable] = &[
    Variable {
        names: &FRAMEWORKS,
        text: "The environment, if neither `ENVIRONMENT` nor `project.environment` is set. If \
               several are set, a protected one counts.",
    },
    Variable {
        names: &["PGSERVICE", "PGHOSTADDR", "PGSSLMODE"],
        text: "These and libpq's other variables count for psql and pg_dump on this machine. A \
               database that only `PGSERVICE` leads to is refused: the guards must know its host.",
    },
    Variable {
        names: &["ALLOW_DATABASE_WIPE"],
        text: "The safety pin of `db-wipe`, and of a reset without a backup. It must be `true`.",
    },
    Variable {
        names: &["SKIP_BACKUP_PROMPT"],
        text: "Answers yes to `db-backup`; also to `db-reset`, if it is set in the environment \
               and not in `.env`.",
    },
    Variable {
        names: &["ALLOW_EMPTY_SQL_DUMP"],
        text: "`true` lets a backup have fewer records than `[guards.ratchet]` wants, as \
               `--accept-shrink` does, if it is set in the environment and not in `.env`.",
    },
    Variable {
        names: &["DB_INIT_DAYS_TO_SYNC"],
        text: "The hooks of `db-prepare` get it, also in a container.",
    },
    Variable { names: &["SKIP_DB_INIT"], text: "`db-prepare` does nothing if this is `true`." },
    Variable {
        names: &["TESTING"],
        text: "Makes `db-prepare` use the database that `testing` names: see [starting.md](starting.md).",
    },
    Variable {
        names: &["DB_TASKS_TRUST_REPO"],
        text: "`1` trusts the repository for one run: see below.",
    },
    Variable {
        names: &["DB_TASKS_RESTORE_PRODUCTION"],
        text: "Lets a script restore production: see [safety.md](safety.md).",
    },
    Variable {
        names: &["DB_TASKS_PERSON_SAYS"],
        text: "A person's words that allow a coding agent a task. They must contain the task and \
               the database. `guards.agent-variable` can name another variable.",
    },
    Variable {
        names: &["PGPASSFILE"],
        text: "The password file that `db-pgpass` writes. Without it, `~/.pgpass`.",
    },
    Variable {
        names: &[
            "DOCKER_HOST",
            "DOCKER_CONTEXT",
            "DOCKER_CONFIG",
            "CONTAINER_HOST",
            "CONTAINER_CONNECTION",
        ],
        text: "Where the containers are, for docker and podman. The guards read them, too.",
    },
    Variable { names: &["DB_TASKS"], text: "The program that `scripts/db` runs." },
    Variable {
        names: &["DB_TASKS_TYPED"],
        text: "Set by `scripts/db`: how it was called, so that hints in messages can be pasted.",
    },
    Variable { names: &["NO_COLOR"], text: "No colours." },
];
