//! `db-backup`: back up one database or all, and verify each backup while writing it.

mod metrics;
pub mod plan;
mod ratchet;
pub mod safety;
mod salvaging;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use self::plan::Perhaps;
use super::Command;
use crate::bundle::{Catalog, Reason, catalog, ending};
use crate::config::{self, Retention};
use crate::engine::postgres::catalog::facts::Depth;
use crate::facts::{self, Set, Surveyor};
use crate::gate::Consent;
use crate::options;
use crate::problem::Exit;
use crate::session::selection::Selection;
use crate::session::servers::Wants;
use crate::session::{Intent, Session};
use crate::tasks::{self, Task};
use crate::value::TableKey;
use crate::view::backups;

/// `db-backup`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = EXAMPLES)]
pub struct Backup {
    /// Ask nothing, for scripts
    #[arg(long)]
    pub auto: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub consent: options::Consent,
    /// zstd, gzip or none
    #[arg(long, value_name = "HOW", num_args = 0..=1, default_missing_value = "gzip")]
    pub compress: Option<String>,
    /// Compression level
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub level: Option<i32>,
    /// Put the backup into this folder
    #[arg(long, value_name = "DIR")]
    pub output_dir: Option<PathBuf>,
    /// For a damaged database: leave out the rows of tables that can't be read, and name them. Such
    /// a backup is partial: no safety rule counts it, and only its name restores it
    #[arg(long)]
    pub salvage: bool,
    /// Accept that it holds fewer records than `[guards.ratchet]` wants: from now on as many as it
    /// holds are wanted
    #[arg(long)]
    pub accept_shrink: bool,
    /// A few words, kept in the name and the manifest
    #[arg(long, value_name = "WORDS")]
    pub label: Option<String>,
    /// Only this database or store (its key, or a database's name); repeat for more
    #[arg(long, visible_alias = "database", value_name = "NAME")]
    pub only: Vec<String>,
}

const EXAMPLES: &str = "Examples:
  db-backup                          back up every database and store
  db-backup --auto --compress gzip   for scripts: no question, a .sql.gz that gunzip reads
  db-backup --database main --label before-v2
  db-backup --salvage                save what can still be read of a damaged database";

impl Command for Backup {
    fn task(&self) -> &'static Task {
        &tasks::BACKUP
    }

    fn intent(&self) -> Intent {
        Intent::of(&self.consent)
    }

    fn run(&self, session: &mut Session) -> Result<Exit> {
        let result = self.make(session);
        if self.intent() == Intent::Run {
            metrics::publish(session, self, &result);
        }
        result
    }
}

impl Backup {
    fn make(&self, session: &mut Session) -> Result<Exit> {
        let intent = self.intent();
        session.lock(self.task().name, intent)?;

        let mut settings = session.project.backup.clone();
        if let Some(dir) = &self.output_dir {
            settings.dir = std::path::absolute(dir)?;
            config::apart::check(&session.project, &settings.dir)?;
        }
        if let Some(codec) = &self.compress {
            settings.level = settings.level.filter(|_| *codec == settings.compress);
            settings.compress.clone_from(codec);
        }

        settings.level = self.level.or(settings.level);
        let mut meant = session.meant(&self.only)?;
        let label = self.label.clone().or_else(|| self.salvage.then(|| "salvage".into()));
        let (salvage, ratchet) = (None, None);
        let (reason, keys) = (Reason::Manual, BTreeMap::new());
        let mut request = plan::Request { backup: settings, label, reason, salvage, ratchet, keys };

        if self.salvage {
            // a normal backup reports damage in a tree or a collection
            meant.stores.clear();
        }

        if !self.salvage && !meant.databases.is_empty() {
            request.ratchet = ratchet::in_force(session, &request.backup.dir, self)?;
        }

        session.with_servers(&meant.databases.clone(), Wants::Made, intent, |session| {
            if self.salvage {
                request.salvage = Some(session.salvage(&meant)?);
            }
            back_up(session, self, &meant, request)
        })
    }
}

fn back_up(
    session: &mut Session,
    args: &Backup,
    meant: &Selection,
    mut request: plan::Request,
) -> Result<Exit> {
    let surveyor = Surveyor { idle: Some(&session.idle), ..session.surveyor() };
    let set = surveyor.set(&meant.databases, &meant.stores, Depth::Database)?;
    let set = Set { locking: facts::encryption::look(&session.project)?, ..set };
    if request.salvage.is_none() && !request.backup.plain.key_order.is_none() {
        request.keys = keys(session, &set)?;
    }

    let request = &request;
    let catalog =
        Catalog::beside_a_new_one(&request.backup.dir, &session.project, &request.backup.keep)?;
    let mut plan = plan::plan(&session.project, &set, &catalog, request, &session.moment)?;
    plan.notes.extend(ratchet::idle_words(session, args, request));
    let plan = session.hooked(plan, &set.databases.iter().collect::<Vec<_>>())?;

    let made = Perhaps::of(&plan);
    let unasked = args.auto || session.env.says_yes("SKIP_BACKUP_PROMPT");
    let consent = match Consent::from(&args.consent) {
        _ if unasked => Consent::Yes,
        Consent::Ask if !request.backup.ask => Consent::Unasked,
        given => given,
    };

    let carried = session.carry_out(plan, consent, args.intent());
    let is_made = match &carried {
        Ok(report) => report.is_some(),
        Err(e) => Exit::of(e) == Exit::Shrunken,
    };
    if is_made {
        session.record.fields(serde_json::json!({ "backups": documents(session, &made) }));
    }

    if carried?.is_none() {
        return Ok(Exit::Done);
    }

    let open = made.iter().filter(|one| one.was_open()).map(Perhaps::there);
    let ways = open.map(|path| plan::way_back(path, &session.project, request)).collect();
    session.say_afterwards(ways);
    say_recent(session, request);

    let paths: Vec<String> = made.iter().map(|one| Session::short(one.there())).collect();
    session.print(&paths.join("\n"))
}

/// What `--json` says of the backups. A hook may have changed one: that does not harm it.
fn documents(session: &Session, made: &[Perhaps]) -> Vec<Value> {
    let project = &session.project;
    let there = |one: &Perhaps| {
        let named = catalog::at(one.there(), project);
        named.or_else(|_| catalog::at(&ending::shrunken(one.there()), project)).ok()
    };
    made.iter().filter_map(there).map(|backup| backups::json(&backup)).collect()
}

/// The primary keys of tables, by the databases' keys. A missing database is reported by the plan.
fn keys(session: &Session, set: &Set) -> Result<BTreeMap<String, Vec<TableKey>>> {
    let databases = set.databases.iter().filter(|database| database.live().is_some());
    databases
        .map(|database| {
            let keys = facts::keys::look(database, &session.project.secrets)?;
            Ok((database.spec.key.clone(), keys))
        })
        .collect()
}

/// How many are listed after a backup.
const RECENT: usize = 3;

/// The newest backups, shown at a terminal after a backup; scripts have `db-list`.
fn say_recent(session: &mut Session, request: &plan::Request) {
    let read =
        || Catalog::beside_a_new_one(&request.backup.dir, &session.project, &Retention::default());
    // the backup is done, even if the folder can't be read
    let Some(catalog) = session.is_watched().then(read).and_then(Result::ok) else { return };
    let recent = &catalog.backups[..catalog.backups.len().min(RECENT)];
    session.person.tell(&backups::recent(recent, session.moment.now));
}
