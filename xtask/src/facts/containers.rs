//! What docker or podman says about a container.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::engines;
use crate::cmd::Cmd;
use crate::config::{Container, ContainerBy, Env, Secrets};
use crate::door::ask::ask;
use crate::problem::Problem;

/// A container as it is.
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
    /// `healthy`, `unhealthy`, `starting`, where it has a check.
    pub health: Option<String>,
    /// When it was started, as the engine says it.
    pub started: String,
    /// The host of the engine, where it is reached by one: its containers may be of another machine.
    pub engine_host: Option<String>,
    /// Its environment: the official image says there who owns the server.
    pub env: BTreeMap<String, String>,
    /// The host and the port by which PostgreSQL's port is reached from this machine, where it is published.
    pub published: Option<(String, String)>,
    /// What it is called in its own network: a server under any of these names is its own.
    pub called: Vec<String>,
    /// Where something is mounted in it.
    pub mounts: Vec<String>,
    /// Seconds that it has to be ready again, once it was started.
    pub ready_within: u64,
}

impl ContainerFacts {
    /// Whether it runs.
    pub fn runs(&self) -> bool {
        self.status == "running"
    }
}

/// The program that speaks for a container: the one the file names, else whichever is on PATH.
pub fn engine(container: &Container, env: &Env) -> Result<String> {
    if let Some(engine) = &container.engine {
        return Ok(env.program(engine));
    }
    let path = std::env::join_paths(env.search_path()).ok();
    let found = ["docker", "podman"].into_iter().find(|program| which::which_in(program, path.as_ref(), "/").is_ok());
    Ok(found.map(|name| env.program(name)).ok_or_else(|| {
        Problem::failed(format!("the container `{}` needs docker or podman, and neither is on PATH", container.key))
            .because(super::survey::skipped(env, "docker"))
            .cure("install one of them, or run this where the containers are")
    })?)
}

/// Looks a container up.
///
/// # Errors
/// There is none of that name, or the engine does not answer.
pub fn inspect(container: &Container, env: &Env) -> Result<ContainerFacts> {
    Ok(find(container, env)??)
}

/// Looks a container up that need not be there; where it is not, the inner error says so.
///
/// # Errors
/// The engine does not answer.
pub fn find(container: &Container, env: &Env) -> Result<Result<ContainerFacts, Problem>> {
    let engine = engine(container, env)?;
    let name = match &container.by {
        ContainerBy::Name(name) => name.clone(),
        ContainerBy::Compose { service, folder, project } => {
            match by_labels(&engine, service, folder, project.as_deref(), env)? {
                Ok(name) => name,
                Err(absent) => return Ok(Err(absent)),
            }
        }
    };
    let one = match inspect_name(&engine, &name)? {
        Ok(one) => one,
        Err(absent) => return Ok(Err(absent)),
    };
    // podman also goes by docker's name, and no other engine says this
    let podman = one.conmon_pid_file.is_some() || Path::new(&engine).file_stem().is_some_and(|stem| stem == "podman");
    let engine_host = if podman { engines::of_podman(&engine, env)? } else { engines::of_docker(&engine, env)? };
    let pairs = one.config.env.iter().filter_map(|pair| pair.split_once('='));
    let binding = one.network_settings.ports.get("5432/tcp").and_then(|bindings| bindings.as_ref()?.first());
    let called = called(&one);
    Ok(Ok(ContainerFacts {
        called,
        name: one.name.trim_start_matches('/').into(),
        id: one.id,
        status: one.state.status,
        health: one.state.health.map(|h| h.status).filter(|s| !s.is_empty()),
        started: one.state.started_at,
        env: pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
        published: binding.map(|b| (b.reached_at(engine_host.as_deref()), b.host_port.clone())),
        mounts: one.mounts.into_iter().map(|m| m.destination).collect(),
        ready_within: container.ready_within,
        engine,
        engine_host,
    }))
}

fn inspect_name(engine: &str, name: &str) -> Result<Result<Inspected, Problem>> {
    let cmd = Cmd::new(engine).args(["inspect", "--type", "container", name]);
    let answer = ask(&cmd, &Secrets::default())?;
    if !answer.good {
        let problem = refused(&format!("could not look at the container `{name}`"), &answer.err);
        let absent = answer.err.to_lowercase().contains("no such container");
        return if absent { Ok(Err(problem)) } else { Err(problem.into()) };
    }
    let [one]: [Inspected; 1] =
        serde_json::from_str(&answer.out).with_context(|| format!("`{cmd}` answered something else than one container"))?;
    Ok(Ok(one))
}

fn called(one: &Inspected) -> Vec<String> {
    let networks = one.network_settings.networks.values();
    let aliases = networks.flat_map(|n| n.aliases.iter().chain(&n.dns_names)).flatten().cloned();
    let service = one.config.labels.iter().flatten().filter(|(label, _)| *label == SERVICE).map(|(_, service)| service.clone());
    let own = [one.name.trim_start_matches('/').to_owned(), one.config.hostname.clone()];
    own.into_iter().chain(aliases).chain(service).collect()
}

/// The label of compose that holds the service's name.
const SERVICE: &str = "com.docker.compose.service";

/// Compose of either version, and podman-compose, label what they make: so the container is found whichever program made it,
/// and without starting that program. <https://docs.docker.com/reference/compose-file/services/#labels>
fn by_labels(engine: &str, service: &str, folder: &Path, project: Option<&str>, env: &Env) -> Result<Result<String, Problem>> {
    let format = "{{.Names}}\t{{.State}}\t{{.Label \"com.docker.compose.project\"}}\t{{.Label \"com.docker.compose.project.working_dir\"}}";
    let cmd = Cmd::new(engine).args(["ps", "-a", "--filter", &format!("label={SERVICE}={service}"), "--format", format]);
    let answer = ask(&cmd, &Secrets::default())?;
    if !answer.good {
        return Err(refused(&format!("could not look for the compose service `{service}`"), &answer.err).into());
    }
    let rows: Vec<Vec<&str>> = answer.out.lines().map(|l| l.split('\t').collect()).filter(|r: &Vec<&str>| r.len() == 4).collect();
    let wanted = project.or_else(|| env.get("COMPOSE_PROJECT_NAME"));
    let here = |row: &&Vec<&str>| match wanted {
        Some(project) => row[2] == project,
        None => same_folder(Path::new(row[3]), folder),
    };
    let mut mine: Vec<_> = rows.iter().filter(here).collect();
    mine.sort_by_key(|row| (row[1] != "running", row[0].to_owned()));
    let found = mine.first().map(|row| row[0].to_owned());
    Ok(found.ok_or_else(|| {
        let others: Vec<_> = rows.iter().map(|row| format!("{} (project {}, in {})", row[0], row[2], row[3])).collect();
        Problem::failed(format!("compose has no container for the service `{service}` of `{}`", folder.display()))
            .because(if others.is_empty() { String::new() } else { format!("of other projects: {}", others.join(", ")) })
            .cure("start it (`docker compose up -d`), or name the compose file's project in `compose = { service = …, project = … }`")
    }))
}

fn same_folder(a: &Path, b: &Path) -> bool {
    let real = |p: &Path| std::fs::canonicalize(p).unwrap_or_else(|_| p.to_path_buf());
    real(a) == real(b)
}

fn refused(tried: &str, err: &str) -> Problem {
    let mut problem = Problem::failed(tried).because(err);
    problem.cure = crate::engine::postgres::cures::for_text(err);
    problem
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
    name: String,
    state: State,
    config: Config,
    #[serde(default)]
    network_settings: NetworkSettings,
    #[serde(default)]
    mounts: Vec<Mount>,
    conmon_pid_file: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mount {
    destination: String,
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
    /// Where it is reached from this machine: on the engine's host, unless it is bound to one address.
    fn reached_at(&self, engine_host: Option<&str>) -> String {
        let bound = self.host_ip.parse().ok().filter(|ip: &IpAddr| !ip.is_unspecified() && !ip.is_loopback());
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
mod tests {
    use super::*;

    #[test]
    fn a_published_port_is_reached_on_the_engines_host() {
        for (host_ip, engine, want) in [
            ("0.0.0.0", None, "127.0.0.1"),
            ("", None, "127.0.0.1"),
            ("::", None, "127.0.0.1"),
            ("127.0.0.1", None, "127.0.0.1"),
            ("192.168.7.1", None, "192.168.7.1"),
            ("0.0.0.0", Some("db.example"), "db.example"),
        ] {
            let binding = Binding { host_ip: host_ip.into(), host_port: "5432".into() };
            assert_eq!(binding.reached_at(engine), want, "{host_ip} {engine:?}");
        }
    }
}
