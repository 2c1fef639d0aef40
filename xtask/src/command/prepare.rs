//! `db-prepare`: fill a database that is missing or empty; leave one with data alone.

pub mod plan;

use anyhow::Result;
use clap::Args;

use self::plan::{Need, Replacement};
use super::Command;
use crate::bundle::{Catalog, Reason, catalog};
use crate::command::backup::safety::safety_backup;
use crate::config::Database;
use crate::engine::postgres::catalog::facts::Depth;
use crate::engine::postgres::client::name::is_nobodys;
use crate::facts::Surveyed;
use crate::facts::dumps::Dump;
use crate::facts::health::server_disk_left;
use crate::gate::Consent;
use crate::problem::{Exit, Problem};
use crate::session::author::Way;
use crate::session::choosing::{dump_of, say_passed_over};
use crate::session::fitting::{Loading, fitted};
use crate::session::servers::Wants;
use crate::session::{Intent, Session, alone};
use crate::tasks::{self, Task};
use crate::value::{Format, Trust};

/// `db-prepare`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = EXAMPLES)]
pub struct Prepare {
    /// The database (its key or its name)
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
    /// Replace existing data, too: asks, backs up first, and `db-undo` swaps it back
    #[arg(long)]
    pub replace: bool,
    /// With `--replace`: answer the question with yes (guards still hold)
    #[arg(short, long, requires = "replace")]
    pub yes: bool,
    /// With `--replace`: answer the question with the database's name
    #[arg(long, value_name = "NAME", conflicts_with = "yes", requires = "replace")]
    pub confirm: Option<String>,
    /// Show every step, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

const EXAMPLES: &str = "\
Examples:
  db-prepare                 fill an empty database, such as at a container's first start
  db-prepare --database main
  db-prepare --dry-run       where the contents would come from; nothing changes
  db-prepare --replace       replace data, too: asks, and backs up first

A missing database is created. An empty one is restored from the newest good backup, otherwise from
the dump or the folder that `prepare.dump` names, otherwise migrated and seeded. One with data is left alone;
tables of extensions do not count. If it fails or is killed, the incomplete database is moved aside
as NAME__failed, and the next run starts again. In production nothing is seeded.

With `--replace` the contents come from the dump that `prepare.dump` names, otherwise from the
newest good backup that is not a safety backup; never in production. SKIP_DB_INIT=true skips all of
this. TESTING=true prepares the database that `testing` in `[databases.NAME]` names, instead of the
usual one.";

impl Command for Prepare {
    fn task(&self) -> &'static Task {
        &tasks::PREPARE
    }

    fn intent(&self) -> Intent {
        Intent::by_flag(self.dry_run)
    }

    fn run(&self, session: &mut Session) -> Result<Exit> {
        if session.env.says_yes("SKIP_DB_INIT") {
            return session.print("SKIP_DB_INIT is set: nothing was prepared");
        }

        let intent = self.intent();
        let data = data(self);
        let meant = match &data {
            Data::Left => session.databases(self.database.as_deref())?,
            Data::Replaced(_) => vec![session.database(self.database.as_deref())?],
        };
        let all: Vec<One> =
            meant.into_iter().map(|database| session.one(database)).collect::<Result<_>>()?;
        let databases: Vec<Database> = all.iter().map(|one| one.database.clone()).collect();

        session.lock(self.task().name, intent)?;
        session.with_servers(&databases, Wants::Made, intent, |session| {
            all.iter().try_for_each(|one| session.prepare(one, &data, intent))?;
            Ok(Exit::Done)
        })
    }
}

/// A database to prepare.
struct One {
    /// How it is reached.
    database: Database,
    /// The key of the backups that it may start from.
    backups_of: String,
    /// What it is for.
    purpose: Purpose,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// The usual one.
    Use,
    /// The one for tests, while TESTING is set.
    Tests,
}

/// What happens to existing data.
#[derive(Debug, Clone)]
enum Data {
    /// It stays.
    Left,
    /// `--replace`: it is replaced, if confirmed.
    Replaced(Consent),
}

fn data(args: &Prepare) -> Data {
    match (args.replace, &args.confirm, args.yes) {
        (false, ..) => Data::Left,
        (true, Some(name), _) => Data::Replaced(Consent::Confirmed(name.clone())),
        (true, None, true) => Data::Replaced(Consent::Yes),
        (true, None, false) => Data::Replaced(Consent::Ask),
    }
}

impl Session {
    /// The database, or the one used instead while TESTING is set.
    fn one(&mut self, database: Database) -> Result<One> {
        let backups_of = database.key.clone();
        if !self.env.says_yes("TESTING") {
            return Ok(One { database, backups_of, purpose: Purpose::Use });
        }
        if let Some(tests) = database.for_tests() {
            is_for_tests_alone(&tests)?;
            return Ok(One { database: tests, backups_of, purpose: Purpose::Tests });
        }

        self.person.tell(&format!(
            "note: TESTING is set, but `[databases.{backups_of}]` names no database for it \
             (`testing = \"…\"`): the usual one is used"
        ));

        Ok(One { database, backups_of, purpose: Purpose::Use })
    }

    fn prepare(&mut self, one: &One, data: &Data, intent: Intent) -> Result<()> {
        let mut target = self.surveyor().survey(&one.database, Depth::Tables)?;
        if plan::need(&target) == Need::TakingBack {
            let plan = alone::with(plan::take_back(&self.project, &target)?, [&target]);
            if self.carry_out(plan, Consent::Yes, intent)?.is_none() {
                return Ok(());
            }
            target = self.surveyor().survey(&one.database, Depth::Tables)?;
        }

        match (plan::need(&target), data) {
            (Need::Nothing, Data::Replaced(consent)) => self.replace(one, consent.clone(), intent),
            _ => self.fill(one, &target, data, intent),
        }
    }

    /// One that is missing or empty.
    fn fill(&mut self, one: &One, target: &Surveyed, data: &Data, intent: Intent) -> Result<()> {
        let dump = match (plan::need(target), data) {
            (Need::Nothing, _) => None,
            (_, Data::Left) => self.first_dump(one)?,
            (_, Data::Replaced(_)) => self.source(one)?,
        };

        let dump = dump.map(|dump| fitted(self, target, dump, loading(target))).transpose()?;
        let hooks =
            self.hooks("prepare", &["migrate", "seed"].map(String::from), &[target], None)?;
        let plan = plan::plan(&self.project, target, dump.as_ref(), &hooks)?;
        let idle = plan.steps.is_empty();
        let headline = plan.headline.clone();

        let plan = if idle { plan } else { alone::with(self.hooked(plan, &[target])?, [target]) };
        match self.carry_out(plan, Consent::Yes, intent)? {
            Some(_) if idle => self.print(&headline).map(drop),
            Some(_) => self.print(target.name()).map(drop),
            None => Ok(()),
        }
    }

    /// One with data: a restore over it, after a backup.
    fn replace(&mut self, one: &One, consent: Consent, intent: Intent) -> Result<()> {
        let dump = self.source(one)?.ok_or_else(|| nothing_to_replace_with(one))?;
        let target = self.surveyor().survey(&one.database, Depth::Rows)?;
        let dump = fitted(self, &target, dump, loading(&target))?;
        // a database for tests is not backed up: that backup would look like the usual one's
        let safety = match one.purpose {
            Purpose::Use => Some(safety_backup(self, &target, Reason::PreRestore)?),
            Purpose::Tests => None,
        };
        let services = self.services("restore")?;

        let replacement =
            Replacement { services: &services.found, safety, disk_left: server_disk_left(&target) };
        let plan = plan::replace(&self.project, &target, &dump, replacement)?;
        let plan = self.hooked(services.noted(plan), &[&target])?;
        let plan = self.filling(plan, &[&one.database.key])?;
        let plan = alone::with(plan, [&target]);

        match self.carry_out(plan, consent, intent)? {
            Some(_) => self.print(target.name()).map(drop),
            None => Ok(()),
        }
    }

    /// What a new database starts from: the newest good backup, otherwise the dump that the file
    /// names.
    fn first_dump(&mut self, one: &One) -> Result<Option<Dump>> {
        // its backups and its other dumps are one list, of which the newest counts
        if self.project.first_dump.as_ref() == Some(&self.project.backup.dir) {
            return self.named_dump(one);
        }

        let folder = Catalog::read(&self.project.backup.dir, &self.project)?;
        let key = one.backups_of.as_str();
        let usual = self.project.databases.iter().find(|d| d.key == key).cloned();
        let names = self.names(usual.as_slice());
        let found = folder.latest_of(&[key], &names).or_else(|| folder.latest(&[key]));

        say_passed_over(self, &folder, found);
        let Some(backup) = found else { return self.named_dump(one) };
        if let Some((then, now)) = backup.of_another(&names) {
            self.person.say(&format!(
                "`{}` is of the database `{then}`, and is loaded into `{now}`",
                backup.name
            ));
        }

        dump_of(self, backup, Some(key), Format::Script).map(Some)
    }

    /// What replaces existing data: the dump that the file names, otherwise the newest good backup
    /// that is not a safety backup. A safety backup would bring back what was replaced.
    fn source(&mut self, one: &One) -> Result<Option<Dump>> {
        if let Some(dump) = self.named_dump(one)? {
            return Ok(Some(dump));
        }

        let folder = Catalog::read(&self.project.backup.dir, &self.project)?;
        let key = one.backups_of.as_str();
        let usual = self.project.databases.iter().find(|d| d.key == key).cloned();
        let names = self.names(usual.as_slice());
        let Some(backup) = folder.latest_wanted(&[key], &names) else { return Ok(None) };

        dump_of(self, backup, Some(key), Format::Script).map(Some)
    }

    fn named_dump(&self, one: &One) -> Result<Option<Dump>> {
        let Some(path) = &self.project.first_dump else { return Ok(None) };
        let found = if catalog::is_a_folder_of_dumps(path) {
            let folder = Catalog::read(path, &self.project)?;
            let Some(newest) = folder.first(&one.backups_of, &self.project) else {
                return Ok(None);
            };
            Ok(newest)
        } else {
            catalog::at(path, &self.project)
        };
        let backup = found.map_err(|e| match e.downcast::<Problem>() {
            Ok(problem) => problem.cure("`prepare.dump` in `db-tasks.toml` names it").into(),
            Err(e) => e,
        })?;
        dump_of(self, &backup, Some(&one.backups_of), Format::Script).map(Some)
    }
}

/// A database for tests may be replaced at any time: nobody needs its data.
fn is_for_tests_alone(tests: &Database) -> Result<()> {
    let name = tests.connection.database.as_deref().unwrap_or_default();
    let maintains = (name == tests.connection.maintenance)
        .then_some("databases are created and renamed from it");
    let why = is_nobodys(name).err().or(maintains);

    why.map_or(Ok(()), |why| {
        Err(Problem::usage(format!("`{name}` can't be a database for tests: {why}"))
            .because("nothing was changed")
            .cure("name another one in `testing`, like `app_test`")
            .into())
    })
}

/// Into the live one if there can't be another; then only a dump may be loaded.
fn loading(target: &Surveyed) -> Loading<'static> {
    let in_place = target.live().is_some() && !target.server.role.createdb;
    let has_data = plan::need(target) == Need::Nothing;
    let trust = if in_place && has_data { Trust::Dump } else { Trust::Repository };
    Loading {
        way: if in_place { Way::InPlace } else { Way::Beside },
        trust,
        ..Loading::of_the_file()
    }
}

fn nothing_to_replace_with(one: &One) -> Problem {
    let name = one.database.connection.database.clone().unwrap_or_else(|| one.database.key.clone());
    Problem::refused(format!("there is nothing to replace the data of `{name}` with"))
        .because(
            "`db-tasks.toml` has no `prepare.dump`, and there is no good backup except for safety \
             backups",
        )
        .cure(
            "name a dump in `[prepare]`; `db-reset` migrates and seeds again, `db-restore NAME` \
             takes any backup",
        )
}
