//! The survey of stores, and of everything in one backup.

use anyhow::Result;

use super::engines::host_in;
use super::survey::{Surveyed, Surveyor};
use super::whereabouts::is_local;
use crate::bundle::manifest::Missing;
use crate::config::{Database, Store, StoreKind};
use crate::door::Interrupt;
use crate::engine::files::Inside;
use crate::engine::postgres::catalog::facts::Depth;
use crate::plan::{Safety, Stake, Whereabouts};
use crate::problem::{Code, Exit, Problem, first_line};
use crate::run::store::open_to_read;
use crate::stream::Locking;
use crate::tasks::{self, Has};
use crate::value::{Address, Holding};

/// What is known of one store.
#[derive(Debug, Clone)]
pub struct SurveyedStore {
    /// Its entry in `db-tasks.toml`.
    pub spec: Store,
    /// Where it is.
    pub address: Address,
    /// What is there.
    pub held: Holding,
    /// Where that is.
    pub whereabouts: Whereabouts,
}

impl SurveyedStore {
    /// Its key.
    pub fn key(&self) -> &str {
        &self.spec.key
    }

    /// What is at stake when its data is replaced.
    pub fn stake(&self) -> Stake {
        Stake {
            database: self.spec.key.clone(),
            at: self.address.to_string(),
            whereabouts: self.whereabouts.clone(),
            marks: Vec::new(),
            size: self.held.bytes,
            sessions: Vec::new(),
            safety: Safety::Kept,
        }
    }
}

/// All that a task is about.
#[derive(Debug, Clone, Default)]
pub struct Set {
    /// The databases.
    pub databases: Vec<Surveyed>,
    /// The stores.
    pub stores: Vec<SurveyedStore>,
    /// Optional stores that are down.
    pub missing: Vec<Missing>,
    /// How a backup of it is encrypted, if the project wants that.
    pub locking: Option<Locking>,
}

impl Set {
    /// The names of the databases, and the keys of the stores, a line each.
    pub fn names(&self) -> String {
        let databases = self.databases.iter().map(Surveyed::name);
        databases.chain(self.stores.iter().map(|s| s.key())).collect::<Vec<_>>().join("\n")
    }

    /// The keys of all that is there.
    pub fn keys(&self) -> Vec<&str> {
        let databases = self.databases.iter().map(|d| d.spec.key.as_str());
        databases.chain(self.stores.iter().map(SurveyedStore::key)).collect()
    }

    /// Refuses to change one database twice because two entries lead to it. Physical clones also
    /// share name and oid: when in doubt, they count as one.
    pub fn distinct(self) -> Result<Self> {
        let pairs = self
            .databases
            .iter()
            .enumerate()
            .flat_map(|(at, one)| self.databases[..at].iter().map(move |other| (other, one)));

        let Some((one, other)) = pairs.into_iter().find(|(one, other)| seem_one(one, other)) else {
            return Ok(self);
        };
        let (first, second) = (&one.spec.key, &other.spec.key);

        Err(Problem::refused(format!(
            "`{first}` and `{second}` lead to one database: `{}` ({})",
            one.name(),
            one.at()
        ))
        .code(Code::WrongTarget)
        .because("one would undo what was done for the other; nothing was changed")
        .cure(format!(
            "remove one of them from `db-tasks.toml`, or name the one to use: `--only {first}`"
        ))
        .into())
    }
}

fn seem_one(one: &Surveyed, other: &Surveyed) -> bool {
    let number = |of: &Surveyed| of.live().map(|live| live.oid);
    let systems = (&one.server.reached.system, &other.server.reached.system);
    let of_two_servers = matches!(systems, (Some(one), Some(other)) if one != other);
    one.name() == other.name()
        && number(one).is_some()
        && number(one) == number(other)
        && !of_two_servers
}

impl Surveyor<'_> {
    /// Surveys databases and stores. An optional store that is down is left out.
    pub fn set(&self, databases: &[Database], stores: &[Store], depth: Depth) -> Result<Set> {
        let databases =
            databases.iter().map(|d| self.survey(d, depth)).collect::<Result<Vec<_>>>()?;
        let mut set = Set { databases, ..Set::default() };

        for spec in stores {
            let missing = |why| Missing { store: spec.key.clone(), why, table: None };
            match self.store(spec) {
                Err(down) if spec.optional && is_down(&down) => {
                    set.missing.push(missing(first_line(&down)))
                }
                Ok(found) if spec.optional && found.held.id.is_empty() => {
                    set.missing.push(missing(format!("there is nothing at {}", found.address)));
                }
                found => set.stores.push(found?),
            }
        }

        Ok(set)
    }

    /// Surveys a store.
    pub fn store(&self, spec: &Store) -> Result<SurveyedStore> {
        let (address, whereabouts) = self.address(spec)?;
        let held = open_to_read(&address, &self.project.secrets, &Interrupt::default())?.look()?;
        Ok(SurveyedStore { spec: spec.clone(), address, held, whereabouts })
    }

    fn address(&self, spec: &Store) -> Result<(Address, Whereabouts)> {
        match &spec.kind {
            StoreKind::Files { path, exclude, rights } => {
                let address = Address::Files {
                    path: path.clone(),
                    exclude: exclude.clone(),
                    rights: *rights,
                };
                Ok((address, Whereabouts::Here))
            }
            StoreKind::FilesInContainer { container, path, exclude } => {
                self.stays_up(&spec.key, container)?;
                let found = self.container(container)?;
                let mounted: Vec<&str> =
                    found.mounts.iter().map(|mount| mount.destination.as_str()).collect();
                let own = Inside::new(&found.engine, &found.name, path, &mounted.join("\n"))?.own();

                let address = Address::FilesInContainer {
                    engine: found.engine.clone(),
                    container: found.name.clone(),
                    path: path.clone(),
                    own,
                    exclude: exclude.clone(),
                };

                Ok((
                    address,
                    Whereabouts::by_host(found.engine_host.filter(|host| !is_local(host))),
                ))
            }
            StoreKind::Milvus { url, database, token, wipe } => {
                let host = host_of(url).ok_or_else(|| {
                    Problem::usage(format!(
                        "`stores.{}` has the address `{url}`, which names no host",
                        spec.key
                    ))
                    .code(Code::Config)
                    .cure("write it like `http://localhost:19530`")
                })?;

                let address = Address::Milvus {
                    url: url.clone(),
                    database: database.clone(),
                    token: token.clone(),
                    wipe: *wipe,
                };
                Ok((address, Whereabouts::by_host(Some(host).filter(|host| !is_local(host)))))
            }
        }
    }
}

impl Surveyor<'_> {
    /// A tree is swapped and emptied by programs in its container, which must be running.
    fn stays_up(&self, key: &str, container: &str) -> Result<()> {
        let stops = |task: &&String| {
            tasks::has(task, Has::StoppedContainers) && tasks::has(task, Has::Stores)
        };
        let Some(task) =
            self.project.container(container).and_then(|c| c.stop_during.iter().find(stops))
        else {
            return Ok(());
        };

        Err(Problem::usage(format!(
            "`stores.{key}` is in the container `{container}`, which is stopped during a {task}"
        ))
        .code(Code::Config)
        .because("a tree in a stopped container can't be changed")
        .cure(
            "remove it from `stop-during`; or give the store another container with the same \
             volume",
        )
        .into())
    }
}

/// Whether a store that can't be looked at is down, so that an optional one may be left out. A
/// mistake in `db-tasks.toml`, or a program built without this kind of store, would be so on every
/// day.
pub(super) fn is_down(error: &anyhow::Error) -> bool {
    Exit::of(error) != Exit::Usage
}

/// The host of an `http` address, without a port.
pub(super) fn host_of(url: &str) -> Option<String> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or(rest);
    Some(host_in(authority).to_owned()).filter(|host| !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_addresses() {
        for (url, want) in [
            ("http://localhost:19530", Some("localhost")),
            ("https://milvus.example/x", Some("milvus.example")),
            ("127.0.0.1:19530", Some("127.0.0.1")),
            ("http://[::1]:19530", Some("::1")),
            ("http://", None),
        ] {
            assert_eq!(host_of(url).as_deref(), want, "{url}");
        }
    }
}
