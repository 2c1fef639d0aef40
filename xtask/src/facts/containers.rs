//! What docker or podman says about a container.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::{compose, engines};
use crate::cmd::Cmd;
use crate::config::{Container, ContainerBy, Env, Secrets, Service};
use crate::door::ask::ask;
use crate::engine::postgres::client::kinds::kind;
use crate::place::cure;
use crate::problem::{Code, Problem};

/// A container's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerFacts {
    /// `docker` or `podman`.
    pub engine: String,
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// `running`, `exited`, …
    pub status: String,
    /// `healthy`, `unhealthy`, `starting`, if it has a health check.
    pub health: Option<String>,
    /// When it was started, in the engine's words.
    pub started: String,
    /// The host of the engine, if it is reached by one: its containers may be on another machine.
    pub engine_host: Option<String>,
    /// Its environment: the official image says there who owns the server.
    pub env: BTreeMap<String, String>,
    /// The command line of its first program.
    pub words: Vec<String>,
    /// By port and protocol (`5432/tcp`): the host and the port by which each is reached from this
    /// machine, if it is published.
    pub published: BTreeMap<String, (String, String)>,
    /// Its names in its own network: a server under any of these names is in this container.
    pub called: Vec<String>,
    /// What is mounted in it.
    pub mounts: Vec<Mount>,
    /// Seconds that it has to become ready after it was started.
    pub ready_within: u64,
}

/// Something that is mounted in a container.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Mount {
    /// Where.
    pub destination: String,
    /// `volume`, `bind`, `tmpfs`.
    #[serde(rename = "Type", default)]
    pub kind: String,
    /// The volume's name.
    #[serde(default)]
    pub name: String,
    /// The folder on the engine's machine.
    #[serde(default)]
    pub source: String,
}

impl ContainerFacts {
    /// Whether it runs.
    pub fn runs(&self) -> bool {
        self.status == "running"
    }

    /// What makes it run.
    pub fn cure(&self) -> String {
        let (engine, name) = (&self.engine, &self.name);
        match self.status.as_str() {
            "paused" => format!("`{engine} unpause {name}`"),
            _ => format!("`{engine} start {name}`"),
        }
    }

    /// The variables of its environment that would make libpq connect elsewhere, or behave
    /// differently, than the project says: all of libpq's except a password, which may be needed.
    /// PGDATA and PG_… belong to the server and the image.
    /// <https://www.postgresql.org/docs/current/libpq-envars.html>
    pub fn steering(&self) -> Vec<String> {
        let of_libpq = |name: &str| name.starts_with("PG") && !name.starts_with("PG_");
        let harmless = ["PGDATA", "PGPASSWORD", "PGPASSFILE"];
        self.env
            .keys()
            .filter(|name| of_libpq(name) && !harmless.contains(&name.as_str()))
            .cloned()
            .collect()
    }

    /// The port that its server listens on, if one is set: by its command line, otherwise by
    /// PGPORT.
    pub fn port(&self) -> Option<String> {
        port_in(&self.words)
            .or_else(|| self.env.get("PGPORT").cloned())
            .filter(|port| port.parse::<u16>().is_ok())
    }
}

/// The port on the command line of postgres (the last one counts); the official image also accepts
/// only the server's flags. <https://www.postgresql.org/docs/current/app-postgres.html>
fn port_in(words: &[String]) -> Option<String> {
    let program = words
        .iter()
        .position(|word| Path::new(word).file_name().is_some_and(|name| name == "postgres"));
    let flags = match program {
        Some(at) => &words[at + 1..],
        None if words.get(1).is_some_and(|word| word.starts_with('-')) => &words[1..],
        None => return None,
    };

    let mut port = None;
    let mut rest = flags.iter().map(String::as_str);
    while let Some(word) = rest.next() {
        let setting = match word {
            "-p" => rest.next().map(|value| format!("port={value}")),
            "-c" => rest.next().map(String::from),
            _ => ["-p", "--", "-c"].iter().find_map(|flag| {
                let text = word.strip_prefix(flag)?;
                Some(if *flag == "-p" { format!("port={text}") } else { text.to_owned() })
            }),
        };

        port = setting
            .and_then(|s| s.strip_prefix("port=").map(|value| value.trim().to_owned()))
            .or(port);
    }

    port
}

/// The program for a container: the one the file names, otherwise whichever is on PATH.
pub fn engine(container: &Container, env: &Env) -> Result<String> {
    if let Some(engine) = &container.engine {
        return Ok(env.program(engine));
    }

    let path = std::env::join_paths(env.search_path()).ok();
    let found = ["docker", "podman"]
        .into_iter()
        .find(|program| which::which_in(program, path.as_ref(), "/").is_ok());

    Ok(found.map(|name| env.program(name)).ok_or_else(|| {
        Problem::failed(format!(
            "the container `{}` needs docker or podman, and neither is on PATH",
            container.key
        ))
        .code(Code::ProgramMissing)
        .because(super::programs::skipped(env, "docker"))
        .cure("install one of them, or run this where the containers are")
    })?)
}

/// Looks a container up.
///
/// # Errors
/// There is none of that name, several fit, or the engine does not answer.
pub fn inspect(container: &Container, env: &Env) -> Result<ContainerFacts> {
    let engine = engine(container, env)?;
    let name = match &container.by {
        ContainerBy::Name(name) => name.clone(),
        ContainerBy::Compose(wanted) => {
            let rows = rows(&engine, wanted)?;
            let mine = compose::choose(&rows, wanted)??;
            compose::only(&mine, wanted)?.name.clone()
        }
    };
    Ok(facts(&engine, &name, container, env)??)
}

/// Looks up all containers that an entry names: one of its name, or every replica of its service.
/// If there is none, the inner error says so.
///
/// # Errors
/// Several projects fit, or the engine does not answer.
pub fn find(container: &Container, env: &Env) -> Result<Result<Vec<ContainerFacts>, Problem>> {
    let engine = engine(container, env)?;
    let names = match &container.by {
        ContainerBy::Name(name) => vec![name.clone()],
        ContainerBy::Compose(wanted) => match compose::choose(&rows(&engine, wanted)?, wanted)? {
            Ok(mine) => mine.iter().map(|row| row.name.clone()).collect(),
            Err(absent) => return Ok(Err(absent)),
        },
    };
    names.iter().map(|name| facts(&engine, name, container, env)).collect()
}

fn rows(engine: &str, wanted: &Service) -> Result<Vec<compose::Row>> {
    let answer = ask(&compose::question(engine, &wanted.service), &Secrets::default())?;
    if !answer.good {
        return Err(refused(
            &format!("could not look for the compose service `{}`", wanted.service),
            &answer.err,
        )
        .into());
    }

    Ok(compose::rows(&answer.out))
}

fn facts(
    engine: &str,
    name: &str,
    container: &Container,
    env: &Env,
) -> Result<Result<ContainerFacts, Problem>> {
    let one = match inspect_name(engine, name)? {
        Ok(one) => one,
        Err(absent) => return Ok(Err(absent)),
    };
    // podman may be installed as `docker`, and no other engine says this
    let podman = one.conmon_pid_file.is_some()
        || Path::new(engine).file_stem().is_some_and(|stem| stem == "podman");
    let engine_host =
        if podman { engines::of_podman(engine, env)? } else { engines::of_docker(engine, env)? };
    let pairs = one.config.env.iter().filter_map(|pair| pair.split_once('='));

    let bound = one
        .network_settings
        .ports
        .iter()
        .filter_map(|(port, bindings)| Some((port, bindings.as_ref()?.first()?)));

    let reached = |b: &Binding| (b.reached_at(engine_host.as_deref()), b.host_port.clone());
    let published = bound.map(|(port, binding)| (port.clone(), reached(binding))).collect();
    let called = called(&one);

    Ok(Ok(ContainerFacts {
        called,
        name: one.name.trim_start_matches('/').into(),
        id: one.id,
        status: one.state.status,
        health: one.state.health.map(|h| h.status).filter(|s| !s.is_empty()),
        started: one.state.started_at,
        env: pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
        words: [one.path].into_iter().chain(one.args).collect(),
        published,
        mounts: one.mounts.into_iter().chain(in_memory(one.host_config)).collect(),
        ready_within: container.ready_within,
        engine: engine.to_owned(),
        engine_host,
    }))
}

/// `--tmpfs` is listed apart from the mounts.
fn in_memory(config: HostConfig) -> impl Iterator<Item = Mount> {
    let places = config.tmpfs.unwrap_or_default().into_keys();
    places.map(|destination| Mount {
        destination,
        kind: "tmpfs".into(),
        name: String::new(),
        source: String::new(),
    })
}

fn inspect_name(engine: &str, name: &str) -> Result<Result<Inspected, Problem>> {
    let cmd = Cmd::new(engine).args(["inspect", "--type", "container", name]);
    let answer = ask(&cmd, &Secrets::default())?;
    if !answer.good {
        let problem = refused(&format!("could not look at the container `{name}`"), &answer.err);
        let absent = answer.err.to_lowercase().contains("no such container");
        return if absent { Ok(Err(problem)) } else { Err(problem.into()) };
    }

    let [one]: [Inspected; 1] = serde_json::from_str(&answer.out)
        .with_context(|| format!("`{cmd}` did not answer with one container"))?;
    // the engine takes the beginning of an id as a name
    if one.name.trim_start_matches('/') != name.trim_start_matches('/') && one.id != name {
        let other = one.name.trim_start_matches('/');
        return Ok(Err(Problem::failed(format!("there is no container `{name}`"))
            .code(Code::ContainerDown)
            .because(format!("the id of another one, `{other}`, begins with that"))
            .cure(format!(
                "start the container, or write its whole name in `[containers]` (`{engine} ps -a`)"
            ))));
    }

    Ok(Ok(one))
}

fn called(one: &Inspected) -> Vec<String> {
    let networks = one.network_settings.networks.values();
    let aliases = networks.flat_map(|n| n.aliases.iter().chain(&n.dns_names)).flatten().cloned();

    let service = one
        .config
        .labels
        .iter()
        .flatten()
        .filter(|(label, _)| *label == compose::SERVICE)
        .map(|(_, service)| service.clone());

    let own = [one.name.trim_start_matches('/').to_owned(), one.config.hostname.clone()];
    own.into_iter().chain(aliases).chain(service).collect()
}

fn refused(tried: &str, err: &str) -> Problem {
    let mut problem = Problem::said(err, tried).code(kind(None, err));
    problem.cure = cure(err);
    problem
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
    name: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    args: Vec<String>,
    state: State,
    config: Config,
    #[serde(default)]
    network_settings: NetworkSettings,
    #[serde(default)]
    mounts: Vec<Mount>,
    #[serde(default)]
    host_config: HostConfig,
    conmon_pid_file: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    tmpfs: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct NetworkSettings {
    #[serde(default)]
    ports: BTreeMap<String, Option<Vec<Binding>>>,
    #[serde(default)]
    networks: BTreeMap<String, Network>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Network {
    aliases: Option<Vec<String>>,
    #[serde(rename = "DNSNames")]
    dns_names: Option<Vec<String>>,
}

#[derive(Deserialize, Clone)]
#[serde(rename_all = "PascalCase")]
struct Binding {
    #[serde(default)]
    host_ip: String,
    host_port: String,
}

impl Binding {
    /// Where it is reached from this machine: on the engine's host, unless it is bound to one
    /// address.
    fn reached_at(&self, engine_host: Option<&str>) -> String {
        let bound = self
            .host_ip
            .parse()
            .ok()
            .filter(|ip: &IpAddr| !ip.is_unspecified() && !ip.is_loopback());
        bound.map_or_else(|| engine_host.unwrap_or("127.0.0.1").to_owned(), |ip| ip.to_string())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    status: String,
    #[serde(default)]
    started_at: String,
    health: Option<Health>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Health {
    #[serde(default)]
    status: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    #[serde(default)]
    env: Vec<String>,
    #[serde(default)]
    hostname: String,
    labels: Option<BTreeMap<String, String>>,
}

#[cfg(test)]
mod tests;
