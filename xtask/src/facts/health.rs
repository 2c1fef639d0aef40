//! The doctor's examination: each thing that could go wrong, looked at before it does.

mod folder;
mod reach;
mod standing;
mod told;
mod volume;

use self::folder::folder_findings;
pub use self::folder::{disk_left, server_disk_left, tight};
use super::stores::is_down;
use super::{Surveyed, SurveyedStore, Surveyor, containers};
use crate::config::{At, Container, Database, Env, Project, Store};
use crate::engine::postgres::catalog::facts::Depth;
use crate::engine::postgres::client::cures;
use crate::human::{self, counted};
use crate::plan::Whereabouts;
use crate::problem::Problem;

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Good,
    /// Worth knowing.
    Note,
    /// It will fail.
    Problem,
}

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The thing.
    pub what: String,
    /// Its state.
    pub state: State,
    /// What was seen.
    pub why: String,
    /// What to do.
    pub cure: Option<String>,
}

impl Finding {
    /// Whether it is a problem.
    pub fn is_problem(&self) -> bool {
        self.state == State::Problem
    }

    fn good(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), state: State::Good, why: why.into(), cure: None }
    }

    fn other(
        state: State,
        what: impl Into<String>,
        why: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self { what: what.into(), state, why: why.into(), cure: Some(cure.into()) }
    }

    fn error(what: impl Into<String>, error: &anyhow::Error) -> Self {
        let (what, problem) = (what.into(), error.downcast_ref::<Problem>());
        let why = problem.map_or_else(
            || format!("{error:#}"),
            |p| {
                std::iter::once(p.tried.clone())
                    .chain(p.happened.clone())
                    .collect::<Vec<_>>()
                    .join("; ")
            },
        );
        Self { what, state: State::Problem, why, cure: problem.and_then(|p| p.cure.clone()) }
    }
}

/// What the doctor looks at.
pub struct Patient<'a> {
    /// The project.
    pub project: &'a Project,
    /// The environment it was read with.
    pub env: &'a Env,
    /// What asks servers.
    pub surveyor: Surveyor<'a>,
}

/// Examines the project.
pub fn examine(patient: &Patient<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = patient.env.notes().into_iter().map(of_dotenv).collect();

    let project = patient.project;
    findings.extend(project.containers.iter().map(|one| container_finding(patient, one)));
    findings.extend(project.databases.iter().flat_map(|one| examined(patient, one)));
    findings.extend(
        patient.project.stores.iter().flat_map(|store| store_findings(store, &patient.surveyor)),
    );
    findings.extend(folder_findings(patient));
    findings.extend(told::findings(project));

    findings
}

fn container_finding(patient: &Patient<'_>, container: &Container) -> Finding {
    match containers::inspect(container, patient.env) {
        Ok(c) if c.runs() => {
            Finding::good(format!("container {}", c.name), format!("{} ({})", c.status, c.engine))
        }
        Ok(c) => Finding::other(
            State::Problem,
            format!("container {}", c.name),
            format!("it is {}", c.status),
            c.cure(),
        ),
        Err(e) => Finding::error(format!("container {}", container.key), &e),
    }
}

/// All that can be found out about a database.
fn examined(patient: &Patient<'_>, database: &Database) -> Vec<Finding> {
    let what = format!("database {}", database.key);
    if let At::Cluster { folder, .. } = &database.at
        && !folder.join("PG_VERSION").is_file()
    {
        let why = "the project's own cluster does not exist yet";
        let cure = "nothing, or `db-start`: it is created when it is needed";
        return vec![Finding::other(State::Note, what, why, cure)];
    }

    let surveyed = match patient.surveyor.survey(database, Depth::Database) {
        Ok(surveyed) => surveyed,
        Err(e) => return vec![Finding::error(what, &e)],
    };

    let mut findings = database_findings(&surveyed);
    findings.extend(volume::finding(&surveyed));
    findings.extend(reach::findings(&surveyed, &patient.project.secrets));
    findings.extend(standing::findings(patient, &surveyed));

    findings
}

fn of_dotenv(note: String) -> Finding {
    Finding::other(State::Note, "`.env`", note, "fix the line, if you mean another value")
}

fn store_findings(spec: &Store, surveyor: &Surveyor<'_>) -> Vec<Finding> {
    let found = surveyor.store(spec);
    let notes = found.as_ref().map_or(Vec::new(), |s| s.held.notes.clone());
    let cure = "nothing, if that is intended; otherwise move it out of the tree";
    let note = |why| Finding::other(State::Note, format!("store {}", spec.key), why, cure);
    [store_finding(spec, found)].into_iter().chain(notes.into_iter().map(note)).collect()
}

fn store_finding(spec: &Store, found: anyhow::Result<SurveyedStore>) -> Finding {
    let what = format!("store {}", spec.key);
    match found {
        Err(e) if spec.optional && is_down(&e) => {
            Finding { state: State::Note, ..Finding::error(what, &e) }
        }
        Err(e) => Finding::error(what, &e),
        Ok(s) => match &s.held.stuck {
            Some(why) => Finding::other(
                State::Problem,
                what,
                why.clone(),
                "until then you can back up, but not restore",
            ),
            None if s.held.id.is_empty() => Finding::other(
                State::Note,
                what,
                format!("there is nothing at {}", s.address),
                "create it, or correct `db-tasks.toml`",
            ),
            None => {
                let version = s.held.version.as_ref().map_or(String::new(), |v| format!("{v}, "));
                Finding::good(
                    what,
                    format!("{}: {version}{}", s.address, human::held(s.address.format(), &s.held)),
                )
            }
        },
    }
}

/// What to do if there is no database.
const MAKE: &str = "create it, or restore a backup (`db-restore`)";
const SAY: &str = "if its volume is older, set `postgres = { database = \"…\" }`";

fn database_findings(s: &Surveyed) -> Vec<Finding> {
    [server_findings(s), client_findings(s), state_findings(s), role_findings(s)].concat()
}

/// What a finding of a database is about.
fn about(s: &Surveyed, part: &str) -> String {
    format!("database {}: {part}", s.spec.key)
}

/// Whether the server answers, has the database, and is where guards may want it.
fn server_findings(s: &Surveyed) -> Vec<Finding> {
    let mut findings = vec![Finding::good(
        about(s, "server"),
        format!("PostgreSQL {} ({}) answers", s.server.version_text, s.at()),
    )];
    findings.push(match s.live() {
        Some(live) => Finding::good(
            about(s, "database"),
            format!("`{}` exists, owner {}", live.name, live.owner),
        ),
        None => Finding::other(
            State::Problem,
            about(s, "database"),
            format!("there is no `{}`", s.name()),
            match (&s.container, &s.spec.connection.database) {
                (Some(_), None) => format!(
                    "{MAKE}; a container's POSTGRES_DB counts only at its first start: {SAY}"
                ),
                _ => MAKE.to_owned(),
            },
        ),
    });

    findings.extend(place_finding(about(s, "host"), &s.whereabouts()));

    findings
}

/// Whether the programs fit the server.
fn client_findings(s: &Surveyed) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (client, server) = (s.server.client, s.server.version);
    findings.push(if dumps(s) {
        Finding::good(about(s, "client"), format!("psql {client} for server {server}"))
    } else {
        Finding::other(
            State::Problem,
            about(s, "client"),
            format!("pg_dump {client} is older than the server {server}, and can't dump it"),
            "install the client of the server's version, and name its folder in `programs`",
        )
    });

    if !client.knows_restrict() {
        let cure = "update the PostgreSQL client; until then those lines are removed before psql \
                    reads them";
        findings.push(Finding::other(
            State::Note,
            about(s, "client"),
            format!("psql {client} does not know `\\restrict` (CVE-2025-8714)"),
            cure,
        ));
    }

    findings
}

/// What state the database is in, and what stands between us and it.
fn state_findings(s: &Surveyed) -> Vec<Finding> {
    let mut findings = Vec::new();
    let wrong = s.live().and_then(|live| live.state().wrong(s.name()));
    findings.extend(
        wrong.map(|(why, cure)| Finding::other(State::Problem, about(s, "database"), why, &cure)),
    );
    findings.extend(
        s.pooled()
            .map(|why| Finding::other(State::Problem, about(s, "pooler"), why, cures::POOLED)),
    );

    let others =
        "if that is not intended, a superuser can drop the trigger (`DROP EVENT TRIGGER …`)";
    findings.extend(
        s.on_login()
            .map(|why| Finding::other(State::Note, about(s, "triggers on login"), why, others)),
    );
    findings.extend(s.server.shape.standby.then(|| {
        let cure = "connect to the primary for everything except `db-backup`";
        Finding::other(
            State::Note,
            about(s, "server"),
            "it is a standby: nothing can be changed there",
            cure,
        )
    }));

    findings
}

/// Whether our role may do what restores need, and what would block one.
fn role_findings(s: &Surveyed) -> Vec<Finding> {
    let role = &s.server.role;
    let mut findings = Vec::new();

    findings.push(if role.createdb {
        Finding::good(
            about(s, "role"),
            format!("`{}` may create databases, so restores are staged", role.name),
        )
    } else {
        Finding::other(
            State::Problem,
            about(s, "role"),
            format!("`{}` can't create databases, so restores can't be staged", role.name),
            format!(
                "`ALTER ROLE \"{}\" CREATEDB`; or restore with `--in-place`, which backs up first",
                role.name
            ),
        )
    });

    if s.live().is_some_and(|d| d.owner != role.name && !role.superuser) {
        findings.push(Finding::other(
            State::Problem,
            about(s, "owner"),
            format!("`{}` does not own the database, so a restore can't be swapped in", role.name),
            "connect as its owner or as a superuser, or restore with `--in-place`",
        ));
    }

    if s.server.prepared + s.server.slots > 0 {
        let (prepared, slots) = (u64::from(s.server.prepared), u64::from(s.server.slots));
        let why = format!(
            "the database is kept in use by {} and {}",
            counted(prepared, "prepared transaction"),
            counted(slots, "logical slot")
        );

        findings.push(Finding::other(
            State::Problem,
            about(s, "locks"),
            why,
            "end them before a restore (pg_prepared_xacts, pg_replication_slots)",
        ));
    }

    findings
}

/// What is not on this machine, so that the host guard wants it listed.
fn place_finding(what: String, at: &Whereabouts) -> Option<Finding> {
    let (listed, why) = match at {
        Whereabouts::Here => return None,
        Whereabouts::Elsewhere(host) => (host.clone(), format!("`{host}` is not this machine")),
        Whereabouts::Unshown { host, port } => (
            format!("{host}:{port}"),
            format!(
                "the server at `{host}:{port}` is not known to be on this machine: it may be a \
                 tunnel"
            ),
        ),
    };

    let cure = format!(
        "nothing, unless you want to replace live data there; then list \"{listed}\" in \
         `guards.allowed-hosts`"
    );
    Some(Finding::other(State::Note, what, why, cure))
}

/// Whether the pg_dump that would run can read the server: one in the server's own container can,
/// one of an older major version can't.
fn dumps(s: &Surveyed) -> bool {
    let same_folder = s.dumper.place == s.client.place;
    !matches!(s.spec.at, At::Host)
        || !same_folder
        || s.server.client.major() >= s.server.version.major()
}

#[cfg(test)]
mod tests;
