//! Own clusters: started for a task that needs one, and left as they were found.

mod first;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::repairing::Occasion;
use super::{Intent, Session};
use crate::config::{At, Database};
use crate::door::children::was_killed;
use crate::engine::cluster::state::State;
use crate::facts::cluster::{self, ClusterFacts, Found};
use crate::gate::Consent;
use crate::planning::cluster::{self as task};
use crate::problem::{Code, Exit, Problem};
use crate::run::{Lease, Others};

/// What a task needs of a cluster that does not exist yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// That it is created.
    Made,
    /// To know that it does not exist: the task only reads.
    AsFound,
}

/// Whether the task can begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Readiness {
    Ready,
    /// A dry run showed what comes first; the task itself can't be planned before that.
    Shown,
}

/// What a run that has the servers for itself does.
pub const CHANGES: &str = "starts or stops the servers";

/// A cluster and the databases in it.
#[derive(Debug, Clone)]
pub struct Concerned {
    /// Its folder.
    pub folder: PathBuf,
    /// Where its programs are.
    pub programs: Option<PathBuf>,
    /// The databases.
    pub databases: Vec<Database>,
}

impl Session {
    /// Runs a task while the own clusters of these databases are up, and leaves them as they were
    /// found, however the task ends.
    pub fn with_servers(
        &mut self,
        databases: &[Database],
        wants: Wants,
        intent: Intent,
        task: impl FnOnce(&mut Self) -> Result<Exit>,
    ) -> Result<Exit> {
        let clusters = self.concerned(databases, wants)?;
        if clusters.is_empty() {
            return self.repaired(intent).and_then(|()| task(self));
        }
        if intent == Intent::Show && self.show_missing(&clusters)? == Readiness::Shown {
            return Ok(Exit::Done);
        }

        let lease = self.enter(&self.project.state_dir(), CHANGES)?;
        let result = match self
            .bring_up(&clusters, intent)
            .and_then(|ready| lease.share().map(|()| ready))
        {
            Ok(Readiness::Ready) => {
                self.known(wants, intent);
                self.repaired(intent).and_then(|()| task(self))
            }
            Ok(Readiness::Shown) => Ok(Exit::Done),
            Err(e) => Err(e),
        };

        // a signal that comes now is too late, and a server that stays would be too much
        let interrupt = Arc::clone(&self.interrupt);
        let down = interrupt.shielding(|| self.leave(&lease, &clusters));
        self.known(wants, intent);

        match (result, down) {
            (Ok(exit), down) => down.map(|()| exit),
            (Err(e), Ok(())) => Err(e),
            (Err(e), Err(left)) => {
                self.person.say(&format!("  left behind: {left:#}"));
                Err(e)
            }
        }
    }

    /// The clusters of a run that changes something are trusted from then on; only reading one does
    /// not make it trusted.
    fn known(&self, wants: Wants, intent: Intent) {
        if wants == Wants::Made && intent == Intent::Run {
            self.know_clusters();
        }
    }

    /// The next run that may change something cleans up what a killed run left.
    fn repaired(&mut self, intent: Intent) -> Result<()> {
        if intent == Intent::Run && self.is_locked() {
            self.repair(intent, Occasion::OnTheWay)
        } else {
            Ok(())
        }
    }

    /// The clusters of these databases, each once; only existing ones, if the task needs no more.
    pub fn concerned(&self, databases: &[Database], wants: Wants) -> Result<Vec<Concerned>> {
        let mut found: Vec<Concerned> = Vec::new();

        for database in databases {
            let At::Cluster { folder, init } = &database.at else { continue };

            if wants == Wants::AsFound && !folder.join("PG_VERSION").is_file() {
                continue;
            }

            if let Some(port) = &database.connection.port {
                return Err(Problem::usage(format!(
                    "`databases.{}` has a cluster and the port {port}",
                    database.key
                ))
                .code(Code::Config)
                .because("a cluster is reached only by its socket")
                .cure("remove the port")
                .into());
            }

            if let Some(init) = init.as_ref().filter(|path| !path.is_file()) {
                return Err(Problem::usage(format!("there is no file `{}`", init.display()))
                    .code(Code::Config)
                    .because(format!("`databases.{}.init` names it", database.key))
                    .into());
            }

            match found.iter_mut().find(|c| c.folder == *folder) {
                Some(cluster) => cluster.databases.push(database.clone()),
                None => found.push(Concerned {
                    folder: folder.clone(),
                    programs: database.programs.clone(),
                    databases: vec![database.clone()],
                }),
            }
        }

        Ok(found)
    }

    /// What is so of a cluster.
    pub fn look(&self, cluster: &Concerned) -> Result<ClusterFacts> {
        cluster::look(
            &cluster.folder,
            cluster.programs.as_deref(),
            &self.project.state_dir(),
            &self.env,
        )
    }

    /// Where a cluster is, and its programs.
    pub fn find(&self, cluster: &Concerned) -> Result<Found> {
        cluster::find(&cluster.folder, cluster.programs.as_deref(), &self.env)
    }

    fn bring_up(&mut self, clusters: &[Concerned], intent: Intent) -> Result<Readiness> {
        let mut ready = Readiness::Ready;

        for cluster in clusters {
            let found = self.settled(cluster)?;
            if found.state != State::Running {
                self.start(cluster)?;
            }

            let missing = self.missing(&self.find(cluster)?, cluster)?;
            if missing.is_empty() {
                continue;
            }

            let plan = task::create(&missing);
            match intent {
                Intent::Run => drop(self.carry_out(plan, Consent::Ask, intent)?),
                Intent::Show => {
                    self.show_first(plan)?;
                    ready = Readiness::Shown;
                }
            }
        }

        Ok(ready)
    }

    fn start(&mut self, cluster: &Concerned) -> Result<()> {
        let mut facts = self.look(cluster)?;
        // another project may be downloading the same programs: the second one finds them
        let cache = facts
            .found
            .programs
            .fetch
            .as_ref()
            .and_then(|fetch| fetch.home.parent().map(Path::to_path_buf));

        let fetching =
            cache.map(|cache| self.enter(&cache, "downloads the server's programs")).transpose()?;

        if fetching.is_some() {
            facts = self.look(cluster)?;
        }

        let plan = task::up(&facts, &self.new_databases(&facts.found, &cluster.databases))?;
        let log = facts.found.cluster.log();
        let before = std::fs::metadata(&log).map_or(0, |m| m.len());

        let started = self.carry_out(plan, Consent::Ask, Intent::Run);
        if started.as_ref().is_err_and(was_killed) {
            // the server may come all the same, and is to be stopped then
            self.settled(cluster)?;
        }

        started.map(drop).map_err(|e| with_log(e, &log, before))
    }

    /// The state of a cluster once nobody starts or stops it: recovery after a crash may take a
    /// while.
    pub fn settled(&self, cluster: &Concerned) -> Result<Found> {
        let begun = Instant::now();

        loop {
            let found = self.find(cluster)?;
            let patience = match found.state {
                State::Busy => Duration::from_secs(60),
                // one that was just killed, or just released its socket
                State::Elsewhere => Duration::from_secs(2),
                // a killed start may have begun one that has no process id yet
                State::Stopped if found.mark.is_some() => Duration::from_secs(2),
                _ => Duration::ZERO,
            };

            if begun.elapsed() >= patience || self.interrupted() {
                return Ok(found);
            }

            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Takes the lease of the servers.
    pub fn enter(&mut self, dir: &Path, does: &str) -> Result<Lease> {
        let (interrupt, person) = self.signals();
        Lease::enter(dir, &interrupt, || {
            person.tell(&format!("waiting for another run that {does}"))
        })
    }

    /// Stops what was started on demand, by this run or by a killed one, if nobody else uses it.
    fn leave(&mut self, lease: &Lease, clusters: &[Concerned]) -> Result<()> {
        if lease.give_back()? == Others::Some {
            return Ok(());
        }

        for cluster in clusters {
            if self.mark(cluster).exists() {
                self.stop(cluster)?;
            }
        }

        Ok(())
    }

    fn mark(&self, cluster: &Concerned) -> PathBuf {
        let socket_dir = PathBuf::new();
        crate::engine::cluster::Cluster { folder: cluster.folder.clone(), socket_dir }.on_demand()
    }

    /// Stops a cluster.
    pub fn stop(&mut self, cluster: &Concerned) -> Result<()> {
        let facts = self.look(cluster)?;
        let stopped = self.carry_out(task::down(&facts), Consent::Ask, Intent::Run);
        stopped.map(drop).map_err(|e| {
            Problem::failed(format!("could not stop the cluster {}", cluster.folder.display()))
                .because(format!("{e:#}"))
                .cure(format!("look at `{}`", facts.found.cluster.log().display()))
                .into()
        })
    }

    /// Those of the databases that are meant that are in a cluster of the project's own.
    pub fn databases_in_clusters(&self, wanted: Option<&str>) -> Result<Vec<Database>> {
        let all = self.databases(wanted)?;
        let own: Vec<Database> =
            all.into_iter().filter(|d| matches!(d.at, At::Cluster { .. })).collect();

        if own.is_empty() {
            return Err(Problem::usage("no database here has an own cluster")
                .code(Code::Config)
                .cure(
                    "add `cluster = \".db-tasks/pg\"` to `[databases.NAME]`, or start its server \
                     yourself",
                )
                .into());
        }

        Ok(own)
    }
}

/// The error of a start, with what the server has written to its log since.
fn with_log(error: anyhow::Error, log: &Path, before: u64) -> anyhow::Error {
    let said = std::fs::read(log).unwrap_or_default();
    let new = said
        .get(usize::try_from(before).unwrap_or(0)..)
        .map(String::from_utf8_lossy)
        .unwrap_or_default();
    let lines: Vec<&str> = new.lines().collect();

    match error.downcast::<Problem>() {
        Ok(problem) if lines.is_empty() || problem.exit == Exit::Interrupted => problem.into(),
        Ok(mut problem) => {
            let cure = problem
                .cure
                .take()
                .unwrap_or_else(|| format!("the whole log is in `{}`", log.display()));
            problem.because(lines[lines.len().saturating_sub(12)..].join("\n")).cure(cure).into()
        }
        Err(error) => error,
    }
}
