//! How a person's own psql logs in to a project's database: from the file and the environment, and from its container, where it is there.
//! No server is asked, for none may be up yet.

use super::containers::{self, ContainerFacts};
use super::guess;
use crate::config::{At, Database, Env, Project, Secrets};
use crate::plan::Login;

/// What stands for any value in a password file.
const ANY: &str = "*";
/// Names of this machine: people type either.
const HERE: [&str; 2] = ["localhost", "127.0.0.1"];

/// The logins of a database.
///
/// # Errors
/// Why there is none to write down.
pub fn logins(database: &Database, project: &Project, env: &Env, secrets: &mut Secrets) -> Result<Vec<Login>, String> {
    let mut c = database.connection.clone();
    let found = match &database.at {
        At::Host => None,
        At::Cluster { .. } => return Err("the project's own cluster has no password".into()),
        At::Container(key) => project.container(key).and_then(|container| containers::inspect(container, env).ok()),
    };
    if let Some(found) = &found {
        guess::complete(&mut c, found).map_err(|e| format!("{e:#}"))?;
        let inside = guess::password(found, c.user.as_deref());
        c.password = c.password.or_else(|| Some(secrets.keep(format!("POSTGRES_PASSWORD of {}", found.name), inside?)));
    }
    let Some(password) = c.password else {
        return Err("no password is known: neither its URL, nor PGPASSWORD, nor POSTGRES_PASSWORD says one".into());
    };
    let (host, port) = match (&database.at, found.as_ref().and_then(|found| published(found, c.port_inside.as_deref()))) {
        (_, Some(published)) => published,
        (At::Container(_), None) if found.is_some() => return Err("its container publishes no port: psql runs in it".into()),
        _ => (c.host.unwrap_or_else(|| HERE[0].into()), c.port.unwrap_or_else(|| "5432".into())),
    };
    let hosts = if HERE.contains(&host.as_str()) { HERE.map(String::from).to_vec() } else { vec![host] };
    let any = |said: Option<String>| said.unwrap_or_else(|| ANY.into());
    let (name, user) = (any(c.database), any(c.user));
    let login = |host| Login { host, port: port.clone(), database: name.clone(), user: user.clone(), password: password.clone() };
    Ok(hosts.into_iter().map(login).collect())
}

fn published(found: &ContainerFacts, inside: Option<&str>) -> Option<(String, String)> {
    found.published.get(&format!("{}/tcp", inside.unwrap_or("5432"))).cloned()
}
