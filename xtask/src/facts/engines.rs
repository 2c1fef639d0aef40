//! Where a container engine is. Several settings lead its client to another machine, and "the
//! container `pg`" may then be production's: the guards go by the engine's host, not by the
//! container's name.

use std::path::PathBuf;

use anyhow::Result;
use serde::Deserialize;

use crate::cmd::Cmd;
use crate::config::{Env, Secrets};
use crate::door::ask::ask;
use crate::problem::{Code, Problem};

/// The host that docker's engine is on; `None` if it is reached by a socket of this machine.
/// DOCKER_HOST wins over contexts. <https://docs.docker.com/engine/manage-resources/contexts/>
///
/// # Errors
/// A context is selected, and docker does not say where it leads.
pub fn of_docker(program: &str, env: &Env) -> Result<Option<String>> {
    // only we read `.env`: the client never sees it
    if let Some(address) = env.given("DOCKER_HOST") {
        return Ok(host_of(address));
    }
    if !may_have_context(env) {
        return Ok(None);
    }

    let asked =
        Cmd::new(program).args(["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]);
    let address = answer(&asked, DOCKERS)?;
    if address.contains("://") {
        Ok(host_of(&address))
    } else {
        Err(unknown(&asked, &address, DOCKERS).into())
    }
}

/// Whether a context other than the default may be selected. We read that from docker's own file,
/// because hardly anybody has one and starting docker takes time; docker itself says where the
/// context leads.
fn may_have_context(env: &Env) -> bool {
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "camelCase", default)]
    struct Config {
        current_context: String,
    }

    let named = |name: &str| !matches!(name, "" | "default");
    if let Some(name) = env.given("DOCKER_CONTEXT") {
        return named(name);
    }

    let home = env
        .given(if cfg!(windows) { "USERPROFILE" } else { "HOME" })
        .map(|home| PathBuf::from(home).join(".docker"));
    let Some(folder) = env.given("DOCKER_CONFIG").map(PathBuf::from).or(home) else { return true };
    match std::fs::read(folder.join("config.json")) {
        Ok(text) => serde_json::from_slice(&text)
            .map_or(true, |config: Config| named(&config.current_context)),
        Err(e) => e.kind() != std::io::ErrorKind::NotFound,
    }
}

/// The host that podman's engine is on; `None` if it is this machine. In some versions of podman
/// CONTAINER_HOST wins, in others CONTAINER_CONNECTION: the one that leads away counts.
/// <https://docs.podman.io/en/latest/markdown/podman.1.html>
///
/// # Errors
/// Podman does not say whether its engine is elsewhere, or where.
pub fn of_podman(program: &str, env: &Env) -> Result<Option<String>> {
    let (address, name) = (env.given("CONTAINER_HOST"), env.given("CONTAINER_CONNECTION"));
    if let Some(host) = address.and_then(host_of) {
        return Ok(Some(host));
    }

    match (address, name) {
        (Some(_), None) => return Ok(None),
        (_, Some(_)) => {}
        // a file may say so, and on macOS and Windows it always is
        (None, None) => {
            let asked = Cmd::new(program).args(["info", "--format", "{{.Host.ServiceIsRemote}}"]);
            match answer(&asked, PODMANS)?.as_str() {
                "false" => return Ok(None),
                "true" => {}
                other => return Err(unknown(&asked, other, PODMANS).into()),
            }
        }
    }

    let asked = Cmd::new(program).args([
        "system",
        "connection",
        "list",
        "--format",
        "{{.Default}} {{.Name}} {{.URI}}",
    ]);

    let list = answer(&asked, PODMANS)?;
    match (connection(&list, name), name) {
        (Some(address), _) => Ok(host_of(address)),
        // without a connection it uses a socket of this machine
        (None, None) => Ok(None),
        (None, Some(name)) => {
            Err(unknown(&asked, &format!("there is no connection `{name}`"), PODMANS).into())
        }
    }
}

/// The address of a connection by its name, or of the default one.
fn connection<'a>(list: &'a str, name: Option<&str>) -> Option<&'a str> {
    let rows = list
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(default, rest)| Some((default, rest.split_once(' ')?)));
    let meant = |default: &str, own: &str| name.map_or(default == "true", |name| own == name);
    rows.into_iter()
        .find(|(default, (own, _))| meant(default, own))
        .map(|(_, (_, address))| address)
}

const DOCKERS: &str = "DOCKER_HOST=unix:///var/run/docker.sock";
const PODMANS: &str = "CONTAINER_HOST=unix:///run/user/1000/podman/podman.sock";

fn answer(asked: &Cmd, example: &str) -> Result<String> {
    let answer = ask(asked, &Secrets::default())?;
    if answer.good {
        Ok(answer.out.trim().to_owned())
    } else {
        Err(unknown(asked, &answer.err, example).into())
    }
}

fn unknown(asked: &Cmd, why: &str, example: &str) -> Problem {
    Problem::refused("can't tell which machine the container engine runs on; it may be production")
        .code(Code::WrongTarget)
        .because(format!("`{asked}` did not say"))
        .because(why)
        .cure(format!("give its address for this run: `export {example}`, or whatever yours is"))
}

/// The host in the address of an engine; `None` for a socket of this machine.
fn host_of(address: &str) -> Option<String> {
    // docker takes an address without a scheme as TCP
    let (scheme, rest) = address.split_once("://").unwrap_or(("tcp", address));
    let authority = match scheme {
        "unix" | "fd" => return None,
        // npipe:////HOST/pipe/NAME, where this machine is `.`
        "npipe" => rest.trim_start_matches('/').split('/').next().filter(|host| *host != ".")?,
        _ => rest.split('/').next()?,
    };

    let host = host_in(authority.rsplit_once('@').map_or(authority, |(_, host)| host));
    Some(host.to_owned()).filter(|host| !host.is_empty())
}

/// The host of `host:port`, of `[::1]:port`, or of either without a port.
pub(super) fn host_in(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(v6),
        None => authority.split(':').next().unwrap_or(authority),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_elsewhere_is_known_by_its_host() {
        for (address, want) in [
            ("unix:///var/run/docker.sock", None),
            ("fd://", None),
            ("npipe:////./pipe/docker_engine", None),
            ("npipe:////build/pipe/docker_engine", Some("build")),
            ("tcp://10.0.0.5:2376", Some("10.0.0.5")),
            ("10.0.0.5:2376", Some("10.0.0.5")),
            ("db.example", Some("db.example")),
            ("tcp://[2001:db8::1]:2375", Some("2001:db8::1")),
            ("tcp://:2375", None),
            ("https://db.example:2376/v1.50", Some("db.example")),
            ("ssh://me@build.example", Some("build.example")),
            ("ssh://core@127.0.0.1:42573/run/user/501/podman/podman.sock", Some("127.0.0.1")),
        ] {
            assert_eq!(host_of(address).as_deref(), want, "{address}");
        }
    }

    #[test]
    fn docker_is_asked_for_its_context_only_where_one_may_be_chosen() {
        let home = tempfile::tempdir().unwrap();
        let at = home.path().to_str().unwrap();
        let config = |text: &str| {
            std::fs::create_dir_all(home.path().join(".docker")).unwrap();
            std::fs::write(home.path().join(".docker/config.json"), text).unwrap();
        };

        assert!(!may_have_context(&Env::of([("HOME", at)])), "no file");
        assert!(may_have_context(&Env::of([])), "no home");

        for (text, want) in [
            ("{}", false),
            (r#"{"currentContext": ""}"#, false),
            (r#"{"currentContext": "default", "auths": {}}"#, false),
            (r#"{"currentContext": "prod"}"#, true),
            (r#"{"currentContext": "#, true),
        ] {
            config(text);
            assert_eq!(may_have_context(&Env::of([("HOME", at)])), want, "{text}");
        }

        config(r#"{"currentContext": "prod"}"#);
        assert!(!may_have_context(&Env::of([("HOME", at), ("DOCKER_CONTEXT", "default")])));
        assert!(may_have_context(&Env::of([("HOME", "/nowhere"), ("DOCKER_CONTEXT", "prod")])));
        assert!(may_have_context(&Env::of([
            ("HOME", "/nowhere"),
            ("DOCKER_CONFIG", &format!("{at}/.docker"))
        ])));
    }

    #[test]
    fn a_connection_of_podman_is_the_named_or_the_default_one() {
        let list = "false local unix:///run/podman/podman.sock\ntrue prod \
                    ssh://root@db.example:22/run/podman/podman.sock\n";

        for (name, want) in [
            (None, Some("ssh://root@db.example:22/run/podman/podman.sock")),
            (Some("local"), Some("unix:///run/podman/podman.sock")),
            (Some("other"), None),
        ] {
            assert_eq!(connection(list, name), want, "{name:?}");
        }

        assert_eq!(connection("", None), None);
    }
}
