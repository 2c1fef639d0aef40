//! What was found of a database and its server.

use std::time::Duration;

use super::super::containers::ContainerFacts;
use super::super::guess;
use super::super::whereabouts::{Shown, by_client, is_local};
use crate::config::{At, Database};
use crate::engine::postgres::catalog::facts::ServerFacts;
use crate::engine::postgres::client::{Client, OnLogin};
use crate::plan::{Safety, Stake, Whereabouts};
use crate::value::DatabaseFacts;

/// What is known of one database.
#[derive(Debug, Clone)]
pub struct Surveyed {
    /// Its entry in `db-tasks.toml`.
    pub spec: Database,
    /// How to talk to it.
    pub client: Client,
    /// pg_dump's client, which may be of another version than psql's.
    pub dumper: Client,
    /// The major version of pg_dump, if its folder or the psql next to it tells.
    pub dump_major: Option<u32>,
    /// Its container, if it is in one.
    pub container: Option<ContainerFacts>,
    /// What the server says.
    pub server: ServerFacts,
    /// What shows that it is on this machine, if it was reached by a loopback address.
    pub shown: Shown,
    /// How long the server took to answer.
    pub answered_in: Duration,
}

impl Surveyed {
    /// The database's name.
    pub fn name(&self) -> &str {
        self.client.database()
    }

    /// A warning about a database that nothing names.
    pub fn guess(&self) -> Option<String> {
        let why = self.client.connection.guessed.as_ref()?;
        Some(format!(
            "`db-tasks.toml` does not say which database to use: `{}` is taken ({why})",
            self.name()
        ))
    }

    /// The database's code that runs in our own sessions, if this role can't prevent it.
    pub fn on_login(&self) -> Option<String> {
        let triggers = &self.server.shape.login_triggers;
        let runs = !triggers.is_empty() && self.client.on_login == OnLogin::Runs;

        runs.then(|| {
            format!(
                "`{}` runs its own functions on every login, also in this run's sessions: {}; a \
                 superuser's run switches them off",
                self.name(),
                triggers.join(", ")
            )
        })
    }

    /// What a pooler does to our sessions, if there is one that we can detect.
    pub fn pooled(&self) -> Option<String> {
        let why = "a pooler drops our startup parameters (PgBouncer's \
                   `ignore_startup_parameters`): settings of this run could leak into the \
                   application's sessions";
        self.server.shape.unheard.then(|| why.to_owned())
    }

    /// The live database, if there is one.
    pub fn live(&self) -> Option<&DatabaseFacts> {
        self.server.database(self.name())
    }

    /// Where it is, for people.
    pub fn at(&self) -> String {
        let c = &self.client.connection;

        match (&self.container, &self.spec.at) {
            (Some(container), _) => format!("container {}", container.name),
            (None, At::Cluster { folder, .. }) => {
                format!("the project's own cluster {}", folder.display())
            }
            _ => {
                let host = c.host.as_deref().unwrap_or("localhost");
                c.port.as_ref().map_or(host.to_owned(), |port| format!("{host}:{port}"))
            }
        }
    }

    /// The host and the port by which its container's server is reached from this machine, if
    /// published.
    pub fn published(&self) -> Option<(String, String)> {
        let port = self.client.connection.port_inside.as_deref().unwrap_or("5432");
        self.container.as_ref()?.published.get(&format!("{port}/tcp")).cloned()
    }

    /// The password that the container has for its role.
    pub fn password_inside(&self) -> Option<String> {
        guess::password(self.container.as_ref()?, self.client.connection.user.as_deref())
    }

    /// Whether its server is in the client's own container, not one that the client connects to
    /// from there.
    pub fn is_inside(&self) -> bool {
        let own = |host: &String, called: &[String]| {
            is_local(host) || called.iter().any(|name| name.eq_ignore_ascii_case(host))
        };
        let host = self.client.connection.host.as_ref();
        self.container.as_ref().is_some_and(|c| host.is_none_or(|host| own(host, &c.called)))
    }

    /// Where its data is.
    pub fn whereabouts(&self) -> Whereabouts {
        let engine = self
            .container
            .as_ref()
            .and_then(|c| c.engine_host.as_deref())
            .filter(|host| !is_local(host));

        match (&self.spec.at, engine) {
            (At::Cluster { .. }, _) => Whereabouts::Here,
            (At::Container(_), Some(host)) => Whereabouts::Elsewhere(host.to_owned()),
            (At::Container(_), None) if self.is_inside() => Whereabouts::Here,
            (At::Container(_), None) => {
                Whereabouts::Elsewhere(self.client.connection.host.clone().unwrap_or_default())
            }
            (At::Host, _) => by_client(&self.spec.connection, &self.server.reached, self.shown),
        }
    }

    /// What is at stake when its data is replaced.
    pub fn stake(&self) -> Stake {
        Stake {
            database: self.name().to_owned(),
            at: self.at(),
            whereabouts: self.whereabouts(),
            marks: self.live().map_or(Vec::new(), |d| d.marks()),
            size: self.live().and_then(|d| d.size),
            sessions: self.server.sessions.iter().map(ToString::to_string).collect(),
            safety: Safety::Kept,
        }
    }
}
