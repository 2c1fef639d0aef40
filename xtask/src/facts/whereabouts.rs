//! Where the server that answered is: on this machine only if its process or a container here shows
//! that.

use super::engines;
use crate::cmd::Cmd;
use crate::config::{Connection, Env, Secrets};
use crate::door::ask::ask;
use crate::engine::postgres::catalog::reached::{Answerer, Reached, is_published};
use crate::place::Place;
use crate::plan::Whereabouts;

/// What shows that a server on a loopback address is on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shown {
    /// Its process runs here.
    Process,
    /// A container here, which publishes the port that was reached.
    Container,
    /// Nothing: it may be at the other end of a tunnel.
    #[default]
    Nothing,
}

/// Looks for that evidence; engines are asked only if no process is found.
pub fn shown(place: &Place, reached: &Reached, server: &Answerer, env: &Env) -> Shown {
    let is_here = matches!(place, Place::Host { .. }) && reached.is_loopback();
    match (
        is_here && reached.is_shown_by_process(server),
        server.client_port.and(reached.port.as_deref()),
    ) {
        (true, _) => Shown::Process,
        (false, Some(port)) if is_here && publishes(reached, port, env) => Shown::Container,
        _ => Shown::Nothing,
    }
}

/// Whether a container of an engine of this machine publishes the port. An engine that does not
/// answer shows nothing.
fn publishes(reached: &Reached, port: &str, env: &Env) -> bool {
    ["docker", "podman"].into_iter().filter(|engine| which::which(engine).is_ok()).any(|engine| {
        let asked = Cmd::new(engine).args(["ps", "--format", "{{.Ports}}"]);
        let is_local = || match engine {
            "podman" => engines::of_podman(engine, env),
            _ => engines::of_docker(engine, env),
        };
        let answer = ask(&asked, &Secrets::default()).ok().filter(|answer| answer.good);

        answer.is_some_and(|answer| {
            answer.out.lines().any(|ports| is_published(ports, reached.address(), port))
        }) && is_local().is_ok_and(|host| host.is_none())
    })
}

/// Where a client on this machine connected to. A name that the project gives is judged as that
/// name; an address from a parameter or a service counts instead of the name. Of several hosts,
/// each may be the next to answer.
pub(super) fn by_client(said: &Connection, reached: &Reached, shown: Shown) -> Whereabouts {
    let listed = said.host.iter().flat_map(|hosts| hosts.split(',')).filter(|_| several(said));
    if let Some(other) = listed.into_iter().find(|host| !is_local(host)) {
        return Whereabouts::Elsewhere(other.to_owned());
    }

    let option = |variable: &str| {
        said.options.iter().find(|(name, _)| name == variable).map(|(_, value)| value.clone())
    };
    let (by_address, by_service) = (option("PGHOSTADDR"), option("PGSERVICE"));
    let host = reached.host.clone().or_else(|| said.host.clone());
    let at = || host.clone().unwrap_or_else(|| "localhost".into());
    let led = by_address.is_some() || by_service.is_some();

    if led && reached.address().is_none() && !at().starts_with('/') {
        // a psql before 12 does not say which address it reached
        return Whereabouts::Elsewhere(by_address.or(by_service).unwrap_or_default());
    }

    match (reached.is_loopback(), shown) {
        (false, _) if led => {
            Whereabouts::Elsewhere(reached.address().map_or_else(at, |address| address.to_string()))
        }
        (false, _) => Whereabouts::Elsewhere(at()),
        (true, Shown::Nothing) => Whereabouts::Unshown {
            host: at(),
            port: reached
                .port
                .clone()
                .or_else(|| said.port.clone())
                .unwrap_or_else(|| "5432".into()),
        },
        (true, _) => Whereabouts::Here,
    }
}

/// Whether a host is this machine: a socket folder, `localhost` or a loopback address.
pub fn is_local(host: &str) -> bool {
    let loopback = host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    host.is_empty()
        || host.starts_with(['/', '@'])
        || host.eq_ignore_ascii_case("localhost")
        || loopback
}

/// Whether libpq has a choice.
pub fn several(said: &Connection) -> bool {
    said.host.as_deref().is_some_and(|hosts| hosts.contains(','))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(host: Option<&str>, options: &[(&str, &str)]) -> Connection {
        let options =
            options.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Connection { host: host.map(String::from), options, ..Connection::default() }
    }

    fn reached(host: &str, address: Option<&str>) -> Reached {
        Reached {
            host: Some(host.into()),
            address: address.map(String::from),
            port: Some("5432".into()),
            ..Reached::default()
        }
    }

    #[test]
    fn a_server_is_where_the_one_that_answered_is() {
        let here = Shown::Process;
        for (host, options, answered, shown, want) in [
            ("localhost", &[][..], reached("localhost", Some("127.0.0.1")), here, "here"),
            ("localhost", &[], reached("localhost", Some("127.0.0.1")), Shown::Container, "here"),
            // an ssh tunnel, cloud-sql-proxy, kubectl port-forward; by a socket, too
            (
                "localhost",
                &[],
                reached("localhost", Some("127.0.0.1")),
                Shown::Nothing,
                "localhost:5432?",
            ),
            (
                "/cloudsql/p:r:i",
                &[],
                reached("/cloudsql/p:r:i", None),
                Shown::Nothing,
                "/cloudsql/p:r:i:5432?",
            ),
            ("/run/postgresql", &[], reached("/run/postgresql", None), here, "here"),
            ("db.test", &[], reached("db.test", Some("10.0.0.7")), here, "db.test"),
            ("db.test", &[], reached("db.test", Some("127.0.0.1")), here, "here"),
            (
                "127.0.0.1",
                &[("PGHOSTADDR", "10.0.0.7")],
                reached("127.0.0.1", Some("10.0.0.7")),
                here,
                "10.0.0.7",
            ),
            (
                "db.test",
                &[("PGSERVICE", "prod")],
                reached("db.test", Some("10.0.0.7")),
                here,
                "10.0.0.7",
            ),
            ("localhost", &[("PGSERVICE", "prod")], reached("localhost", None), here, "prod"),
            (
                "localhost",
                &[("PGSERVICE", "prod")],
                reached("localhost", Some("::1")),
                here,
                "here",
            ),
            ("localhost,10.0.0.7", &[], reached("localhost", Some("127.0.0.1")), here, "10.0.0.7"),
        ] {
            let found = match by_client(&said(Some(host), options), &answered, shown) {
                Whereabouts::Here => "here".to_owned(),
                Whereabouts::Elsewhere(host) => host,
                Whereabouts::Unshown { host, port } => format!("{host}:{port}?"),
            };
            assert_eq!(found, want, "{host} {options:?}");
        }
    }
}
