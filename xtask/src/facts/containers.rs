//! What docker or podman says about a container.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

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
    /// The host of the engine, where `DOCKER_HOST` names one: its containers are not of this machine.
    pub engine_host: Option<String>,
    /// Its environment: the official image says there who owns the server.
    pub env: BTreeMap<String, String>,
    /// The port of this machine that PostgreSQL's port is published on, where it is.
    pub published: Option<String>,
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
pub fn engine(container: &Container) -> Result<String> {
    if let Some(engine) = &container.engine {
        return Ok(engine.clone());
    }
    let found = ["docker", "podman"].into_iter().find(|program| which::which(program).is_ok());
    Ok(found.map(String::from).ok_or_else(|| {
        Problem::failed(format!("the container `{}` needs docker or podman, and neither is on PATH", container.key))
            .cure("install one of them, or run this where the containers are")
    })?)
}

/// Looks a container up.
///
/// # Errors
/// There is none of that name, or the engine does not answer.
pub fn inspect(container: &Container, env: &Env) -> Result<ContainerFacts> {
    let engine = engine(container)?;
    let name = match &container.by {
        ContainerBy::Name(name) => name.clone(),
        ContainerBy::Compose { service, folder, project } => by_labels(&engine, service, folder, project.as_deref(), env)?,
    };
    Ok(ContainerFacts {
        engine_host: env.get("DOCKER_HOST").and_then(engine_host),
        ready_within: container.ready_within,
        ..inspect_name(&engine, &name)?
    })
}

/// `tcp://host:2376` and `ssh://user@host` name a host; `unix://` and `npipe://` are this machine.
fn engine_host(docker_host: &str) -> Option<String> {
    let rest = ["tcp://", "ssh://", "http://", "https://"].iter().find_map(|scheme| docker_host.strip_prefix(scheme))?;
    let authority = rest.split('/').next().unwrap_or(rest);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    Some(
        host.strip_prefix('[')
            .and_then(|h| h.split(']').next())
            .unwrap_or_else(|| host.split(':').next().unwrap_or(host))
            .to_owned(),
    )
}

fn inspect_name(engine: &str, name: &str) -> Result<ContainerFacts> {
    let cmd = Cmd::new(engine).args(["inspect", "--type", "container", name]);
    let answer = ask(&cmd, &Secrets::default())?;
    if !answer.good {
        return Err(refused(&format!("could not look at the container `{name}`"), &answer.err));
    }
    let [one]: [Inspected; 1] =
        serde_json::from_str(&answer.out).with_context(|| format!("`{cmd}` answered something else than one container"))?;
    let pairs = one.config.env.iter().filter_map(|pair| pair.split_once('='));
    Ok(ContainerFacts {
        engine: engine.into(),
        name: one.name.trim_start_matches('/').into(),
        id: one.id,
        engine_host: None,
        status: one.state.status,
        health: one.state.health.map(|h| h.status).filter(|s| !s.is_empty()),
        started: one.state.started_at,
        env: pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
        published: one.network_settings.ports.get("5432/tcp").cloned().flatten().and_then(|b| Some(b.first()?.host_port.clone())),
        mounts: one.mounts.into_iter().map(|m| m.destination).collect(),
        ready_within: 0,
    })
}

/// Compose of either version, and podman-compose, label what they make: so the container is found whichever program made it,
/// and without starting that program. <https://docs.docker.com/reference/compose-file/services/#labels>
fn by_labels(engine: &str, service: &str, folder: &Path, project: Option<&str>, env: &Env) -> Result<String> {
    let format = "{{.Names}}\t{{.State}}\t{{.Label \"com.docker.compose.project\"}}\t{{.Label \"com.docker.compose.project.working_dir\"}}";
    let cmd = Cmd::new(engine).args([
        "ps",
        "-a",
        "--filter",
        &format!("label=com.docker.compose.service={service}"),
        "--format",
        format,
    ]);
    let answer = ask(&cmd, &Secrets::default())?;
    if !answer.good {
        return Err(refused(&format!("could not look for the compose service `{service}`"), &answer.err));
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
    })?)
}

fn same_folder(a: &Path, b: &Path) -> bool {
    let real = |p: &Path| std::fs::canonicalize(p).unwrap_or_else(|_| p.to_path_buf());
    real(a) == real(b)
}

fn refused(tried: &str, err: &str) -> anyhow::Error {
    let mut problem = Problem::failed(tried).because(err);
    problem.cure = crate::engine::postgres::cures::for_text(err);
    problem.into()
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
}

#[derive(Deserialize, Clone)]
#[serde(rename_all = "PascalCase")]
struct Binding {
    host_port: String,
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_elsewhere_is_known_by_its_host() {
        for (docker_host, want) in [
            ("unix:///var/run/docker.sock", None),
            ("tcp://10.0.0.5:2376", Some("10.0.0.5")),
            ("tcp://[::1]:2375", Some("::1")),
            ("ssh://me@build.example", Some("build.example")),
        ] {
            assert_eq!(engine_host(docker_host).as_deref(), want);
        }
    }
}
