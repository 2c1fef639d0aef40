//! The survey of one database: its place, its container, its server and itself.

mod surveyed;
mod way;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

pub use self::surveyed::Surveyed;
use super::asking::ask_server;
use super::containers::{self, ContainerFacts};
use super::programs::{self, Programs};
use super::seen::Seen;
use super::waits::Waits;
use super::whereabouts::shown;
use super::{cluster, guess};
use crate::cmd::Cmd;
use crate::config::{At, ContainerBy, Database, Env, Project, Secrets};
use crate::door::Idle;
use crate::door::ask::{Answer, ask, install_hint};
use crate::engine::cluster::state::State;
use crate::engine::cluster::{PORT, USER};
use crate::engine::postgres::catalog::facts::{Depth, From, ServerFacts, question};
use crate::engine::postgres::client::kinds::kind;
use crate::engine::postgres::client::said::{lacks_database, unnamed, was_cut_off};
use crate::engine::postgres::client::{ANSWERED, Client, OnLogin, Tongue, cures, ending};
use crate::place::Place;
use crate::problem::{Code, Problem};

/// How long to wait for a container's first start.
const BOOTSTRAP: Duration = Duration::from_secs(60);

/// Asks about databases.
pub struct Surveyor<'a> {
    /// The project.
    pub project: &'a Project,
    /// The environment it was read with.
    pub env: &'a Env,
    /// This run's name on servers.
    pub app_name: String,
    /// Reports locks that the run waits for.
    pub waits: &'a Waits,
    /// Where it is noted which databases answered.
    pub seen: &'a Seen,
    /// Where the first session is kept, for the dump that follows.
    pub idle: Option<&'a Idle>,
}

/// A client, its container and the folders of programs to choose from.
type Known = (Client, Option<ContainerFacts>, Vec<Programs>);

impl Surveyor<'_> {
    /// Surveys a database.
    pub fn survey(&self, spec: &Database, depth: Depth) -> Result<Surveyed> {
        let begun = Instant::now();
        let (known, first) = self.first_answer(spec, depth)?;
        let (mut client, container, folders) = known;
        let server = match container {
            Some(_) => self.bootstrapped(&client, depth, first, begun)?,
            None => first,
        };

        let answered_in = begun.elapsed();
        guess::holds(&client, &self.project.secrets)?;

        if let Some(container) = container.as_ref().filter(|_| server.deaf) {
            return Err(temporary(container).into());
        }

        let shown = shown(&client.place, &server.reached, &server.answerer, self.env);
        client.system.clone_from(&server.reached.system);
        client.tongue = server.tongue(client.database());
        client.on_login = server.on_login();

        way::towards_the_one_that_answered(&mut client, &server);
        let (dumper, dump_major) = way::dumper(&client, &folders, &server);
        way::understand_every_dump(&mut client, &folders, &server);

        let found = Surveyed {
            spec: spec.clone(),
            client,
            dumper,
            dump_major,
            container,
            server,
            shown,
            answered_in,
        };
        self.seen.add(&found);

        Ok(found)
    }

    /// How to reach it, and what its server says: asked while its container is looked at, if that
    /// is possible.
    fn first_answer(&self, spec: &Database, depth: Depth) -> Result<(Known, ServerFacts)> {
        std::thread::scope(|scope| {
            let early = self.said(spec).map(|client| {
                let way = way::of(&client);
                (scope.spawn(move || self.question(&client, depth)), way)
            });
            let known = self.client(spec)?;
            let early = early.and_then(|(asked, way)| Some((asked.join().ok()?.ok()?, way)));
            // an answer by another way may be another server's
            let early =
                early.filter(|(_, way)| *way == way::of(&known.0)).map(|(answer, _)| answer);
            let server = early.map_or_else(|| self.question(&known.0, depth), Ok)?;

            Ok((known, server))
        })
    }

    /// Asks again while the server runs only on the socket, with an unfinished database, as at a
    /// container's first start.
    fn bootstrapped(
        &self,
        client: &Client,
        depth: Depth,
        mut server: ServerFacts,
        begun: Instant,
    ) -> Result<ServerFacts> {
        while server.listens_on.as_deref() == Some("") {
            anyhow::ensure!(begun.elapsed() < BOOTSTRAP, bootstrapping(client));
            std::thread::sleep(Duration::from_millis(300));
            server = self.question(client, depth)?;
        }

        Ok(server)
    }

    /// A client for which we need not look at its container, because the file says everything:
    /// starting docker costs 90 ms, and we can ask the server meanwhile.
    fn said(&self, spec: &Database) -> Option<Client> {
        let At::Container(key) = &spec.at else { return None };
        let container = self.project.container(key)?;
        let ContainerBy::Name(name) = &container.by else { return None };

        (spec.connection.user.as_ref()).and(spec.connection.database.as_ref())?;
        let place = Place::container(containers::engine(container, self.env).ok()?, name);

        Some(Client {
            place,
            connection: spec.connection.clone(),
            app_name: self.app_name.clone(),
            system: None,
            tongue: Tongue::Utf8,
            on_login: OnLogin::Runs,
        })
    }

    /// A client for a database, without asking its server.
    pub fn client(&self, spec: &Database) -> Result<Known> {
        let mut connection = spec.connection.clone();

        let (place, container, folders) = match &spec.at {
            At::Container(key) => {
                let found = self.container(key)?;
                guess::complete(&mut connection, &found)?;
                let (engine, name) = (found.engine.clone(), found.name.clone());
                let place = Place::Container { engine, name, cleared: found.steering() };
                (place, Some(found), Vec::new())
            }
            At::Host => {
                let folders = programs::find(spec.programs.as_deref(), "psql", self.env);
                let first = folders.first().ok_or_else(|| no_psql(self.env))?.folder.clone();
                (Place::Host { programs: Some(first) }, None, folders)
            }
            At::Cluster { folder, .. } => {
                let found = cluster::find(folder, spec.programs.as_deref(), self.env)?;
                anyhow::ensure!(found.state != State::Absent, no_cluster(folder));
                let (folder, major) = (found.programs.folder.clone(), found.programs.major);
                let folders = vec![Programs { folder, major: Some(major) }];
                return Ok((self.cluster_client(spec, &found), None, folders));
            }
        };

        if connection.database.is_none() {
            let user = connection.user.clone();
            connection.database = user.ok_or_else(|| nameless(spec)).map(Some)?;
            connection.guessed = Some("the role's name, as libpq takes it".into());
        }

        Ok((
            Client {
                place,
                connection,
                app_name: self.app_name.clone(),
                system: None,
                tongue: Tongue::Utf8,
                on_login: OnLogin::Runs,
            },
            container,
            folders,
        ))
    }

    /// A client for a database in a cluster, even if it does not exist yet.
    pub fn cluster_client(&self, spec: &Database, found: &cluster::Found) -> Client {
        let mut connection = spec.connection.clone();
        connection.host = Some(found.cluster.socket_dir.to_string_lossy().into_owned());
        connection.port = Some(PORT.into());
        connection.user = Some(USER.into());
        connection.database = connection.database.or_else(|| Some(self.project.name.clone()));

        // it would lead libpq to another server, past `-h`
        connection.options.push(("PGHOSTADDR".into(), String::new()));
        let place = Place::Host { programs: Some(found.programs.folder.clone()) };

        Client {
            place,
            connection,
            app_name: self.app_name.clone(),
            system: None,
            tongue: Tongue::Utf8,
            on_login: OnLogin::Runs,
        }
    }

    /// A container that runs, by its key.
    pub(super) fn container(&self, key: &str) -> Result<ContainerFacts> {
        let spec =
            self.project.container(key).ok_or_else(|| anyhow::anyhow!("no container `{key}`"))?;
        let found = containers::inspect(spec, self.env)?;
        if !found.runs() {
            return Err(still(&found).into());
        }
        Ok(found)
    }

    fn question(&self, client: &Client, depth: Depth) -> Result<ServerFacts> {
        let from = if matches!(client.place, Place::Host { .. }) {
            From::ThisMachine
        } else {
            From::ItsContainer
        };

        // only bytes that are not text could be a problem
        self.waits.over(&Client { tongue: Tongue::Among, ..client.clone() }, &self.project.secrets);
        let (question, secrets) = (question(client.database(), depth, from), &self.project.secrets);
        let ask_in = |database: &str| {
            ask_server(&client.psql_in_english(database, question.as_str()), secrets)
        };
        let idle = self.idle.filter(|idle| from == From::ThisMachine && idle.is_free());

        let kept = idle.map(|idle| {
            // unique to this run, so that nothing in the answer looks like it
            let last = format!("{ANSWERED} {}", self.app_name);
            idle.ask(
                &client.psql_in_english(client.database(), ending(&question, &last)),
                &last,
                secrets,
            )
        });

        let mut answer = match kept.transpose()? {
            Some(answer) if !was_cut_off(answer.code, &answer.err) => answer,
            _ => ask_in(client.database())?,
        };
        if !answer.good && lacks_database(&answer.err, client.database()) {
            answer = ask_in(client.maintenance())?;
        }

        if !answer.good {
            return Err(uncleared(client).unwrap_or_else(|| unanswered(client, &answer)).into());
        }

        ServerFacts::read(&answer.out)
    }
}

/// The error if a container's variables would lead a client elsewhere, and can't be unset there.
fn uncleared(client: &Client) -> Option<Problem> {
    let Place::Container { name, cleared, .. } = &client.place else { return None };

    if cleared.is_empty() {
        return None;
    }

    let answer = ask(&client.place.wrap(Cmd::new("true")), &Secrets::default()).ok()?;
    (!answer.good).then(|| {
        Problem::refused(format!(
            "a client in the container `{name}` may connect to another server"
        ))
        .code(Code::WrongTarget)
        .because(format!("the container's own environment sets {}", cleared.join(", ")))
        .because(format!("and it has no `env -u` to unset them: {}", answer.err))
        .cure("remove them from the container's environment, or use the server's own container")
    })
}

fn still(found: &ContainerFacts) -> Problem {
    let (engine, name, cure) = (&found.engine, &found.name, found.cure());
    if found.status == "paused" {
        return Problem::failed(format!("the container `{name}` is paused, with everything in it"))
            .code(Code::ContainerDown)
            .cure(format!("resume it: {cure}"));
    }

    Problem::failed(format!("the container `{name}` is not running: it is {}", found.status))
        .code(Code::ContainerDown)
        .cure(format!("start it: {cure}; if it does not stay up, `{engine} logs {name}` says why"))
}

fn bootstrapping(client: &Client) -> Problem {
    Problem::failed(format!("the server in the {} listens on no address", client.place.name()))
        .code(Code::ContainerDown)
        .because("the image is probably still creating its database on the first start")
        .cure(
            "wait until it is ready (`docker logs`); if the server is meant to be like this, set \
             `listen_addresses = 'localhost'`",
        )
}

fn nameless(spec: &Database) -> Problem {
    Problem::usage(format!("`databases.{}` does not say which database", spec.key))
        .code(Code::Config)
        .cure(format!(
            "add `postgres = {{ url = \"${{DATABASE_URL}}\" }}` or `postgres = {{ database = \"…\" \
         }}` to `[databases.{}]`",
            spec.key
        ))
}

fn temporary(container: &ContainerFacts) -> Problem {
    Problem::failed(format!("the container `{}` is still setting its server up", container.name))
        .code(Code::ContainerDown)
        .because("the server that answers listens on no address: it is temporary")
        .cure("wait until it is ready, and run the command again")
}

fn no_psql(env: &Env) -> Problem {
    Problem::failed("there is no `psql` on this machine")
        .code(Code::ProgramMissing)
        .because(programs::skipped(env, "psql"))
        .cure(install_hint("psql"))
}

fn no_cluster(folder: &Path) -> Problem {
    Problem::failed(format!("the project's own cluster {} does not exist yet", folder.display()))
        .code(Code::NoSuchDatabase)
        .cure("`db-start` creates it, and so does every task that needs it")
}

fn unanswered(client: &Client, answer: &Answer) -> Problem {
    let c = &client.connection;
    let at = match &client.place {
        Place::Container { name, .. } => format!("in the container `{name}`"),
        _ => format!("at `{}`", c.host.as_deref().unwrap_or("localhost")),
    };
    let cure = cures::for_text(&answer.err);

    Problem::said(
        unnamed(&answer.err),
        format!("could not ask the server {at} about `{}`", client.database()),
    )
    .code(match kind(None, &answer.err) {
        Code::ProgramFailed => Code::ServerUnreachable,
        known => known,
    })
    .cure(cure.unwrap_or_else(|| {
        "check how it is reached: `db-config` shows where each part comes from".into()
    }))
}
