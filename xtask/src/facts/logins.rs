//! How your own psql logs in to a project's database: from the file and the environment, and from
//! its container, if there is one. No server is asked, because none may be up yet.

use super::containers::{self, ContainerFacts};
use super::guess;
use crate::config::{At, Connection, Database, Env, Project, Secrets};
use crate::plan::Login;

/// What stands for any value in a password file.
const ANY: &str = "*";
/// The default port.
const USUAL: &str = "5432";
/// Names of this machine: people type either.
const HERE: [&str; 2] = ["localhost", "127.0.0.1"];

/// The logins of a database.
///
/// # Errors
/// Why there is nothing to write.
pub fn logins(
    database: &Database,
    project: &Project,
    env: &Env,
    secrets: &mut Secrets,
) -> Result<Vec<Login>, String> {
    let mut c = database.connection.clone();
    let found = match &database.at {
        At::Host => None,
        At::Cluster { .. } => return Err("the project's own cluster has no password".into()),
        At::Container(key) => {
            project.container(key).and_then(|container| containers::inspect(container, env).ok())
        }
    };

    if let Some(found) = &found {
        complete(&mut c, found, secrets)?;
    }

    let Some(password) = c.password else {
        return Err(
            "no password is known: not from its URL, PGPASSWORD or POSTGRES_PASSWORD".into()
        );
    };

    let (host, port) = match &found {
        Some(found) => published(found, c.port_inside.as_deref())
            .ok_or("its container publishes no port: psql runs in it")?,
        None => (c.host.unwrap_or_else(|| HERE[0].into()), c.port.unwrap_or_else(|| USUAL.into())),
    };
    let Some(user) = c.user else {
        return Err("its role is not known (`user`, PGUSER): a line for every role would come \
                    before their own"
            .into());
    };

    // a role has one password for all databases of its server
    let name = c.database.unwrap_or_else(|| ANY.into());
    let login = |(host, port)| Login {
        host,
        port,
        database: name.clone(),
        user: user.clone(),
        password: password.clone(),
    };
    Ok(servers(&host, &port).into_iter().map(login).collect())
}

/// Completes a connection with what its container says.
fn complete(
    c: &mut Connection,
    found: &ContainerFacts,
    secrets: &mut Secrets,
) -> Result<(), String> {
    guess::complete(c, found).map_err(|e| format!("{e:#}"))?;

    let inside = guess::password(found, c.user.as_deref());
    c.password = c
        .password
        .take()
        .or_else(|| Some(secrets.keep(format!("POSTGRES_PASSWORD of {}", found.name), inside?)));

    Ok(())
}

/// Each host of a list with its port, this machine under both its names:
/// <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS> says: one port
/// for all, or one for each; an empty one is the default.
fn servers(hosts: &str, ports: &str) -> Vec<(String, String)> {
    let of_each: Vec<&str> = ports.split(',').collect();
    let port = |nth: usize| {
        of_each
            .get(nth)
            .or(of_each.first())
            .filter(|port| !port.is_empty())
            .copied()
            .unwrap_or(USUAL)
    };

    let names = |host: &str| match host {
        host if host.is_empty() || HERE.contains(&host) => HERE.map(String::from).to_vec(),
        host => vec![host.to_owned()],
    };
    let with_port = |(nth, host)| {
        names(host).into_iter().map(|name| (name, port(nth).to_owned())).collect::<Vec<_>>()
    };

    hosts.split(',').enumerate().flat_map(with_port).collect()
}

fn published(found: &ContainerFacts, inside: Option<&str>) -> Option<(String, String)> {
    found.published.get(&format!("{}/tcp", inside.unwrap_or(USUAL))).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_several_hosts_has_a_line() {
        for (hosts, ports, want) in [
            ("db", "5433", "db 5433"),
            ("localhost", "5433", "localhost 5433, 127.0.0.1 5433"),
            ("a,b", "5433", "a 5433, b 5433"),
            ("a,b,c", "1,,3", "a 1, b 5432, c 3"),
            ("a,", "1,2", "a 1, localhost 2, 127.0.0.1 2"),
            ("/run/postgresql", "5432", "/run/postgresql 5432"),
        ] {
            let found: Vec<String> = servers(hosts, ports)
                .into_iter()
                .map(|(host, port)| format!("{host} {port}"))
                .collect();
            assert_eq!(found.join(", "), want, "{hosts} {ports}");
        }
    }
}
