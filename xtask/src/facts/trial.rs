//! Whether an untrusted file can be tried in a throw-away cluster on this machine, so that nothing
//! in it runs on the real server.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use super::cluster::{self, ClusterFacts};
use super::dumps::Dump;
use super::{Surveyed, Surveyor, health, server, standing};
use crate::cmd::Cmd;
use crate::config::{At, Connection, Database, Env, Secrets};
use crate::door::ask::ask;
use crate::engine::cluster::USER;
use crate::engine::cluster::throw_away::LOCKS;
use crate::engine::postgres::catalog::facts::{Role, ServerFacts};
use crate::engine::postgres::catalog::shape::Shape;
use crate::engine::postgres::change::loader::Loader;
use crate::engine::postgres::client::Client;
use crate::engine::postgres::client::name::beside;
use crate::engine::postgres::client::version::Version;
use crate::problem::first_line;
use crate::value::DatabaseFacts;

/// A throw-away cluster, made for one trial.
#[derive(Debug, Clone)]
pub struct Apart {
    /// The cluster.
    pub cluster: ClusterFacts,
    /// Its server and the database in it, as they will be.
    pub target: Surveyed,
    /// The database whose encoding and locale it gets.
    pub like: Option<DatabaseFacts>,
    /// Roles that the file's policies and user mappings name.
    pub roles: Vec<String>,
    /// Free bytes on its disk.
    pub disk_left: Option<u64>,
    /// Its locales and extensions.
    has: Has,
}

/// What a cluster has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Has {
    /// Locales of the system, as [`plain`] writes them.
    locales: BTreeSet<String>,
    /// Extensions that can be made.
    extensions: BTreeSet<String>,
}

/// Extensions that a server must have been started with (`shared_preload_libraries`).
const PRELOADED: [&str; 8] =
    ["timescaledb", "citus", "pg_cron", "pgaudit", "pg_net", "pglogical", "pgsodium", "pg_squeeze"];

/// Looks for what it takes to make one in this folder, or says why it can't be made.
pub fn look(
    surveyor: &Surveyor<'_>,
    target: &Surveyed,
    dump: &Dump,
    folder: &Path,
) -> Result<Result<Apart, String>> {
    if !cfg!(unix) {
        return Ok(Err("this system has no private sockets".into()));
    }

    let env = surveyor.env;
    let configured = target.spec.programs.as_deref();
    let major = target.server.version.major();
    let programs = server::here(configured, Some(major), env).and_then(|found| Ok(found?));
    let made =
        programs.and_then(|found| cluster::by(found, folder, &surveyor.project.state_dir(), env));

    let cluster = match made {
        Ok(cluster) => cluster,
        Err(e) => return Ok(Err(first_line(&e))),
    };
    let Some(version) = cluster.found.programs.psql() else {
        return Ok(Err(format!(
            "the psql in `{}` does not say its version",
            cluster.found.programs.folder.display()
        )));
    };

    let mut like = dump.database().or(target.live()).cloned();
    like.iter_mut().for_each(|like| like.tablespace.clear());
    let target = there(surveyor, target, &cluster, (folder, version));

    let claims = standing::all_claims(dump, &surveyor.project.secrets)?;
    let roles =
        claims.bound.into_iter().filter(|role| role != USER && !role.starts_with("pg_")).collect();
    let has = Has { locales: locales(env), extensions: extensions(&cluster) };
    let disk_left = folder.ancestors().find(|folder| folder.is_dir()).and_then(health::disk_left);

    Ok(Ok(Apart { cluster, target, like, roles, disk_left, has }))
}

/// The database as it would be in that cluster.
fn there(
    surveyor: &Surveyor<'_>,
    target: &Surveyed,
    cluster: &ClusterFacts,
    (folder, version): (&Path, Version),
) -> Surveyed {
    let spec = spec(&target.spec, target.name(), folder);
    // names are written as on the server itself: the database has the same encoding
    let client =
        Client { tongue: target.client.tongue, ..surveyor.cluster_client(&spec, &cluster.found) };
    let server =
        ServerFacts { client: version, version, version_text: version.to_string(), ..as_made() };

    Surveyed {
        dumper: client.clone(),
        client,
        spec,
        dump_major: None,
        container: None,
        server,
        shown: super::whereabouts::Shown::Nothing,
        answered_in: Duration::ZERO,
    }
}

/// A connection without anything of the project: no password, and no option that leads elsewhere.
fn spec(of: &Database, database: &str, folder: &Path) -> Database {
    let connection = Connection {
        database: Some(beside(database, "scratch")),
        maintenance: "postgres".into(),
        ..Connection::default()
    };
    let at = At::Cluster { folder: PathBuf::from(folder), init: None };
    Database { at, connection, ..of.clone() }
}

/// A server as initdb makes it.
fn as_made() -> ServerFacts {
    let role = Role {
        name: USER.into(),
        superuser: true,
        createdb: true,
        connection_limit: -1,
        sessions: 0,
    };

    let tablespaces = ["pg_default", "pg_global"].map(String::from).into();

    ServerFacts {
        client: Default::default(),
        version: Default::default(),
        version_text: String::new(),
        role,
        databases: Vec::new(),
        sessions: Vec::new(),
        tables: Vec::new(),
        inventory: Default::default(),
        extensions: Default::default(),
        prepared: 0,
        roles: vec![USER.into()],
        own_roles: vec![USER.into()],
        slots: 0,
        listens_on: None,
        data_directory: None,
        deaf: false,
        has_tables: false,
        has_objects: false,
        answerer: Default::default(),
        locks: LOCKS,
        shape: Shape { tablespaces, ..Shape::default() },
        reached: Default::default(),
    }
}

impl Apart {
    /// What it lacks for the file, so that a trial would be useless.
    pub fn lacks(&self, loader: &Loader) -> Option<String> {
        lacks(self.like.as_ref(), loader.extensions(), &self.has)
    }
}

fn lacks<'a>(
    like: Option<&DatabaseFacts>,
    extensions: impl Iterator<Item = &'a str>,
    has: &Has,
) -> Option<String> {
    for name in extensions {
        if PRELOADED.contains(&name) {
            return Some(format!(
                "the file needs the extension `{name}`, which must be loaded when the server \
                 starts"
            ));
        }

        if !has.extensions.contains(name) {
            return Some(format!(
                "the file needs the extension `{name}`, which PostgreSQL on this machine does not \
                 have"
            ));
        }
    }

    let like = like?;
    if like.provider.as_deref() == Some("icu") {
        return Some("the database has an ICU locale, which differs between machines".into());
    }

    let named = [&like.collate, &like.ctype]
        .into_iter()
        .find(|name| !is_everywhere(name) && !has.locales.contains(&plain(name)));
    named.map(|name| {
        format!("the database has the locale `{name}`, which this machine does not have")
    })
}

fn is_everywhere(locale: &str) -> bool {
    matches!(locale, "" | "C" | "POSIX")
}

/// A locale's name in one spelling: `en_US.UTF-8` and `en_US.utf8` are one.
fn plain(locale: &str) -> String {
    let (language, codeset) = locale.split_once('.').unwrap_or((locale, ""));
    format!("{language}.{}", codeset.to_ascii_lowercase().replace('-', ""))
}

fn locales(env: &Env) -> BTreeSet<String> {
    let answer = ask(&Cmd::new(env.program("locale")).arg("-a"), &Secrets::default())
        .ok()
        .filter(|answer| answer.good);
    answer.map_or_else(BTreeSet::new, |answer| answer.out.lines().map(plain).collect())
}

/// The extensions installed with the programs: each has a control file
/// (<https://www.postgresql.org/docs/current/extend-extensions.html#EXTEND-EXTENSIONS-FILES>).
fn extensions(cluster: &ClusterFacts) -> BTreeSet<String> {
    // initdb knows where the server looks, and prints it on standard error
    let show = Cmd::new("initdb")
        .arg("-D")
        .arg(cluster.found.cluster.folder.to_string_lossy())
        .arg("--show");
    let answer = ask(&cluster.place().wrap(show), &Secrets::default()).ok();
    let said = answer.map_or_else(String::new, |answer| format!("{}\n{}", answer.err, answer.out));
    let share = said.lines().find_map(|line| line.trim().strip_prefix("share_path="));
    let folder = share.map(|share| Path::new(share.trim()).join("extension"));

    let files =
        folder.and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let names = files
        .filter_map(|file| Some(file.file_name().to_str()?.strip_suffix(".control")?.to_owned()));

    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_lacks_is_said() {
        let has = Has {
            locales: ["C", "en_US.utf8", "de_DE"].into_iter().map(plain).collect(),
            extensions: ["hstore", "timescaledb"].map(String::from).into(),
        };
        let like = |collate: &str, ctype: &str, provider: Option<&str>| {
            let (collate, ctype, provider) =
                (collate.to_owned(), ctype.to_owned(), provider.map(String::from));
            Some(DatabaseFacts { collate, ctype, provider, ..DatabaseFacts::default() })
        };

        for (like, extensions, want) in [
            (None, &[][..], ""),
            (like("C", "C", None), &["hstore"], ""),
            (like("POSIX", "", Some("libc")), &[], ""),
            (like("en_US.UTF-8", "en_US.utf8", Some("libc")), &[], ""),
            (like("de_DE", "C", None), &[], ""),
            (like("C.UTF-8", "C.UTF-8", Some("builtin")), &[], "`C.UTF-8`"),
            (like("en_US.UTF-8", "en_US.ISO-8859-1", None), &[], "`en_US.ISO-8859-1`"),
            (like("fr_FR.UTF-8", "C", None), &[], "`fr_FR.UTF-8`"),
            (like("C", "C", Some("icu")), &[], "an ICU locale"),
            (
                like("C", "C", None),
                &["hstore", "postgis"],
                "`postgis`, which PostgreSQL on this machine does not have",
            ),
            (
                like("C", "C", None),
                &["timescaledb"],
                "`timescaledb`, which must be loaded when the server starts",
            ),
        ] {
            let said = lacks(like.as_ref(), extensions.iter().copied(), &has);
            assert_eq!(said.is_some(), !want.is_empty(), "{like:?} {extensions:?}: {said:?}");
            assert!(said.unwrap_or_default().contains(want), "{like:?} {extensions:?}");
        }
    }
}
