//! The survey of one database: its place, its container, its server and itself.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::cluster;
use super::containers::{self, ContainerFacts};
use super::programs::{self, Programs};
use crate::config::{At, ContainerBy, Database, Env, Project};
use crate::door::ask::{Answer, ask, install_hint};
use crate::engine::cluster::state::State;
use crate::engine::cluster::{PORT, USER};
use crate::engine::postgres::facts::{Depth, ServerFacts, question};
use crate::engine::postgres::version::Version;
use crate::engine::postgres::{Client, DatabaseFacts, cures};
use crate::place::Place;
use crate::plan::{Safety, Stake};
use crate::problem::Problem;

/// How long a container's first start is waited for.
const BOOTSTRAP: Duration = Duration::from_secs(60);

/// Asks about databases.
pub struct Surveyor<'a> {
    /// The project.
    pub project: &'a Project,
    /// The environment it was read with.
    pub env: &'a Env,
    /// This run's name on servers.
    pub app_name: String,
}

/// What is known of one database.
#[derive(Debug, Clone)]
pub struct Surveyed {
    /// Its entry in `db-tasks.toml`.
    pub spec: Database,
    /// How to talk to it.
    pub client: Client,
    /// pg_dump's client, which may be of another version than psql's.
    pub dumper: Client,
    /// The major version of pg_dump, where its folder or the psql beside it tells.
    pub dump_major: Option<u32>,
    /// Its container, where it is in one.
    pub container: Option<ContainerFacts>,
    /// What the server says.
    pub server: ServerFacts,
    /// How long the server took to answer.
    pub answered_in: Duration,
}

impl Surveyed {
    /// The database's name.
    pub fn name(&self) -> &str {
        self.client.database()
    }

    /// The live database, where there is one.
    pub fn live(&self) -> Option<&DatabaseFacts> {
        self.server.database(self.name())
    }

    /// Where it is, for people.
    pub fn at(&self) -> String {
        let c = &self.client.connection;
        match (&self.container, &self.spec.at) {
            (Some(container), _) => format!("container {}", container.name),
            (None, At::Cluster { folder, .. }) => format!("the project's own cluster {}", folder.display()),
            _ => {
                let host = c.host.as_deref().unwrap_or("localhost");
                c.port.as_ref().map_or(host.to_owned(), |port| format!("{host}:{port}"))
            }
        }
    }

    /// Whether its server is in the client's own container, and not one that the client is sent on to from there.
    pub fn is_inside(&self) -> bool {
        let own = |host: &String, called: &[String]| is_local(host) || called.iter().any(|name| name.eq_ignore_ascii_case(host));
        let host = self.client.connection.host.as_ref();
        self.container.as_ref().is_some_and(|c| host.is_none_or(|host| own(host, &c.called)))
    }

    /// The host that its data is on, when it is not of this machine.
    fn remote_host(&self) -> Option<&str> {
        let engine = self.container.as_ref().and_then(|c| c.engine_host.as_deref());
        let server = self.client.connection.host.as_deref().filter(|_| !self.is_inside());
        [server, engine].into_iter().flatten().find(|hosts| !hosts.split(',').all(is_local))
    }

    /// What is at stake when its data is replaced.
    pub fn stake(&self) -> Stake {
        Stake {
            database: self.name().to_owned(),
            at: self.at(),
            remote_host: self.remote_host().map(String::from),
            marker: self.live().and_then(|d| d.marker()).map(String::from),
            size: self.live().and_then(|d| d.size),
            sessions: self.server.sessions.iter().map(ToString::to_string).collect(),
            safety: Safety::Kept,
        }
    }
}

/// Whether a host is this machine: a socket folder, `localhost` or a loopback address.
pub fn is_local(host: &str) -> bool {
    let loopback = host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    host.is_empty() || host.starts_with(['/', '@']) || host.eq_ignore_ascii_case("localhost") || loopback
}

impl Surveyor<'_> {
    /// Surveys a database.
    pub fn survey(&self, spec: &Database, depth: Depth) -> Result<Surveyed> {
        let begun = Instant::now();
        let ((mut client, container, folders), mut server) = std::thread::scope(|scope| {
            let early = self.said(spec).map(|client| scope.spawn(move || self.question(&client, depth)));
            let known = self.client(spec)?;
            let early = early.and_then(|asked| asked.join().ok()?.ok());
            let server = early.map_or_else(|| self.question(&known.0, depth), Ok)?;
            anyhow::Ok((known, server))
        })?;
        // a container's first start runs a server on the socket alone, and an unfinished database in it
        while container.is_some() && server.listens_on.as_deref() == Some("") {
            anyhow::ensure!(begun.elapsed() < BOOTSTRAP, bootstrapping(&client));
            std::thread::sleep(Duration::from_millis(300));
            server = self.question(&client, depth)?;
        }
        let answered_in = begun.elapsed();
        if let Some(container) = container.as_ref().filter(|_| server.deaf) {
            return Err(Problem::failed(format!("the container `{}` is still setting its server up", container.name))
                .because("the server that answers was started without an address to listen on, and will go away again")
                .cure("wait until it is ready, and run the command again")
                .into());
        }
        let mut dumper = client.clone();
        let mut dump_major = Some(server.client.major());
        if let (Place::Host { programs }, Some(fitting)) = (&mut dumper.place, programs::fitting(&folders, server.version)) {
            let beside_psql = programs.as_ref() == Some(&fitting.folder);
            dump_major = fitting.major.or(dump_major.filter(|_| beside_psql));
            *programs = Some(fitting.folder.clone());
        }
        if let (Place::Host { programs }, Some(knowing)) = (&mut client.place, knows_restrict(&folders)) {
            // a psql of any version talks to the server; one that knows `\restrict` loads every dump
            if !server.client.knows_restrict() {
                *programs = Some(knowing);
            }
        }
        Ok(Surveyed { spec: spec.clone(), client, dumper, dump_major, container, server, answered_in })
    }

    /// A client that needs no look at its container, because the file says it all: a start of docker costs 90 ms, and the server
    /// can be asked while docker is.
    fn said(&self, spec: &Database) -> Option<Client> {
        let At::Container(key) = &spec.at else { return None };
        let container = self.project.container(key)?;
        let ContainerBy::Name(name) = &container.by else { return None };
        (spec.connection.user.as_ref()).and(spec.connection.database.as_ref())?;
        let place = Place::Container { engine: containers::engine(container, self.env).ok()?, name: name.clone() };
        Some(Client { place, connection: spec.connection.clone(), app_name: self.app_name.clone() })
    }

    /// A client for a database, without a word to its server.
    pub fn client(&self, spec: &Database) -> Result<(Client, Option<ContainerFacts>, Vec<Programs>)> {
        let mut connection = spec.connection.clone();
        let mut container = None;
        let mut folders = Vec::new();
        let place = match &spec.at {
            At::Container(key) => {
                let found = self.container(key)?;
                let known = |names: &[&str]| names.iter().find_map(|n| found.env.get(*n)).cloned();
                connection.user = connection.user.or_else(|| known(&["POSTGRES_USER"])).or(Some("postgres".into()));
                connection.database =
                    connection.database.or_else(|| known(&["POSTGRES_DB", "POSTGRES_USER"])).or(Some("postgres".into()));
                let place = Place::Container { engine: found.engine.clone(), name: found.name.clone() };
                container = Some(found);
                place
            }
            At::Host => {
                folders = programs::find(spec.programs.as_deref(), "psql", self.env);
                Place::Host { programs: folders.first().map(|p| p.folder.clone()) }
            }
            At::Cluster { folder, .. } => {
                let found = cluster::find(folder, spec.programs.as_deref(), self.env)?;
                if found.state == State::Absent {
                    return Err(Problem::failed(format!("the project's own cluster {} is not made yet", folder.display()))
                        .cure("`db-start` makes it, and so does every task that needs it")
                        .into());
                }
                folders = vec![Programs { folder: found.programs.folder.clone(), major: Some(found.programs.major) }];
                return Ok((self.cluster_client(spec, &found), None, folders));
            }
        };
        if matches!(place, Place::Host { programs: None }) {
            let skipped = skipped(self.env, "psql");
            return Err(Problem::failed("there is no `psql` on this machine").because(skipped).cure(install_hint("psql")).into());
        }
        if connection.database.is_none() {
            let user = connection.user.clone();
            connection.database = user.ok_or_else(|| nameless(spec)).map(Some)?;
        }
        Ok((Client { place, connection, app_name: self.app_name.clone() }, container, folders))
    }

    /// A client for a database in a cluster, whether it is there yet or not.
    pub fn cluster_client(&self, spec: &Database, found: &cluster::Found) -> Client {
        let mut connection = spec.connection.clone();
        connection.host = Some(found.cluster.socket_dir.to_string_lossy().into_owned());
        connection.port = Some(PORT.into());
        connection.user = Some(USER.into());
        connection.database = connection.database.or_else(|| Some(self.project.name.clone()));
        // it would lead libpq to another server, past `-h`
        connection.options.push(("PGHOSTADDR".into(), String::new()));
        let place = Place::Host { programs: Some(found.programs.folder.clone()) };
        Client { place, connection, app_name: self.app_name.clone() }
    }

    /// A container that runs, by its key.
    pub(super) fn container(&self, key: &str) -> Result<ContainerFacts> {
        let spec = self.project.container(key).ok_or_else(|| anyhow::anyhow!("no container `{key}`"))?;
        let found = containers::inspect(spec, self.env)?;
        if !found.runs() {
            return Err(Problem::failed(format!("the container `{}` is not running: it is {}", found.name, found.status))
                .cure(format!(
                    "start it: `{0} start {1}`; where it does not stay up, `{0} logs {1}` says why",
                    found.engine, found.name
                ))
                .into());
        }
        Ok(found)
    }

    fn question(&self, client: &Client, depth: Depth) -> Result<ServerFacts> {
        let ask_in = |database: &str| ask(&client.psql(database, question(client.database(), depth)), &self.project.secrets);
        let mut answer = ask_in(client.database())?;
        if !answer.good && answer.err.contains(&format!("database \"{}\" does not exist", client.database())) {
            answer = ask_in(client.maintenance())?;
        }
        if !answer.good {
            return Err(unanswered(client, &answer).into());
        }
        ServerFacts::read(&answer.out)
    }
}

fn bootstrapping(client: &Client) -> Problem {
    Problem::failed(format!("the server in the {} listens on no address", client.place.name()))
        .because("so it looks as if the image were still making its database on its first start")
        .cure("wait until it is ready (`docker logs`); a server that is meant to be like this wants `listen_addresses = 'localhost'`")
}

/// What is said of a program that PATH has in the repository alone.
pub(super) fn skipped(env: &Env, program: &str) -> String {
    env.skipped(program).map_or(String::new(), |path| {
        format!("`{}` is the repository's: what only looks does not run it (`--trust-repo` does, from now on)", path.display())
    })
}

fn knows_restrict(folders: &[Programs]) -> Option<std::path::PathBuf> {
    folders.iter().find(|p| p.major.is_some_and(|m| Version(m * 10_000).knows_restrict())).map(|p| p.folder.clone())
}

fn nameless(spec: &Database) -> Problem {
    Problem::usage(format!("`databases.{}` does not say which database", spec.key)).cure(format!(
        "add `postgres = {{ url = \"${{DATABASE_URL}}\" }}` or `postgres = {{ database = \"…\" }}` to `[databases.{}]`",
        spec.key
    ))
}

fn unanswered(client: &Client, answer: &Answer) -> Problem {
    let c = &client.connection;
    let at = match &client.place {
        Place::Container { name, .. } => format!("in the container `{name}`"),
        _ => format!("at `{}`", c.host.as_deref().unwrap_or("localhost")),
    };
    let cure = cures::for_text(&answer.err);
    Problem::failed(format!("could not ask the server {at} about `{}`", client.database()))
        .because(&answer.err)
        .cure(cure.unwrap_or_else(|| "check how it is reached: `db-config` shows where each part comes from".into()))
}
