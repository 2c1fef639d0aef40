//! `db-adopt`: take dumps that other tools made among the backups.

pub mod plan;

use anyhow::Result;
use clap::Args;

use self::plan::{Choice, Request};
use super::Command;
use crate::bundle::{Backup, Catalog, Sharing};
use crate::gate::Consent;
use crate::glob;
use crate::problem::{Code, Exit, Problem};
use crate::session::choosing::dump_of;
use crate::session::{Intent, Session};
use crate::tasks::{self, Task};
use crate::value::Format;

/// `db-adopt`
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct Adopt {
    /// Which files of the backup folder, by name, with `*`, `?`, `[…]` and `{…}`; without it, all
    /// that have no manifest
    pub glob: Option<String>,
    /// The database that they are of, if the project has several
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
    /// A note for their manifests, by which `[retention.NAME]` can give them rules of their own
    #[arg(long, value_name = "TEXT")]
    pub label: Option<String>,
    /// Do not ask, even if the keep rules will remove some of them
    #[arg(long)]
    pub yes: bool,
    /// Show every step, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

const EXAMPLES: &str = "Examples:
  db-adopt --dry-run                  which files it would take, and which not, with the reason
  db-adopt                            every dump in the backup folder that has no manifest
  db-adopt 'bigskies_backup_*.sql.gz' --label old

Each file is read to its end; its rows, its checksum and the date in its name go into a manifest
beside it, and the file itself stays as it is. From then on `db-list`, `--latest` and the keep rules
count it. It is still loaded like any file from elsewhere: nobody knows who made it.";

impl Command for Adopt {
    fn task(&self) -> &'static Task {
        &tasks::ADOPT
    }

    fn intent(&self) -> Intent {
        Intent::by_flag(self.dry_run)
    }

    fn run(&self, session: &mut Session) -> Result<Exit> {
        let intent = self.intent();
        session.lock(self.task().name, intent)?;

        let key = session.database(self.database.as_deref())?.key;
        let catalog = Catalog::read(&session.project.backup.dir, &session.project)?;
        let files = self.chosen(&catalog)?;
        if files.is_empty() {
            return session.print("nothing to adopt: every backup has its manifest");
        }

        let choices = files
            .into_iter()
            .map(|file| Choice {
                dump: dump_of(session, file, None, Format::Script),
                file: file.clone(),
            })
            .collect();

        let request = Request { key, label: self.label.clone() };
        let plan = plan::plan(&catalog, choices, &request, &session.project, &session.moment)?;
        let count = plan.steps.len();
        let consent = if self.yes { Consent::Yes } else { Consent::Ask };

        match session.carry_out(plan, consent, intent)? {
            Some(_) if count == 1 => session.print("1 file adopted"),
            Some(_) => session.print(&format!("{count} files adopted")),
            None => Ok(Exit::Done),
        }
    }
}

impl Adopt {
    /// The files without a manifest that the pattern fits.
    fn chosen<'a>(&self, catalog: &'a Catalog) -> Result<Vec<&'a Backup>> {
        let Some(pattern) = &self.glob else {
            let mine = catalog.ground == Sharing::Own || catalog.foreign().next().is_none();
            anyhow::ensure!(mine, shared(catalog));
            return Ok(catalog.foreign().collect());
        };

        glob::valid(pattern).map_err(|why| {
            Problem::usage(format!("`{pattern}` is no pattern"))
                .because(why)
                .cure("quote it, so that the shell leaves it alone: `db-adopt 'app_*.sql.gz'`")
        })?;
        let fits =
            |file: &&Backup| file.name == *pattern || glob::fits(pattern, file.name.as_bytes());
        let files: Vec<&Backup> = catalog.foreign().filter(fits).collect();

        let none = || {
            Problem::usage(format!("no file without a manifest is called `{pattern}`"))
                .code(Code::NoSuchBackup)
                .because(format!("it looked in `{}`", catalog.dir.display()))
                .cure("`db-list` shows what is there: `foreign` files have no manifest")
        };
        anyhow::ensure!(!files.is_empty(), none());

        Ok(files)
    }
}

/// In a shared folder a file may be another project's.
fn shared(catalog: &Catalog) -> Problem {
    let first = catalog.foreign().next().map_or("NAME", |file| file.name.as_str());
    Problem::usage(format!(
        "`{}` is outside this project: its files may be another project's",
        catalog.dir.display()
    ))
    .because("nothing was changed")
    .cure(format!("say which are yours, by a pattern or a name: `db-adopt '{first}'`"))
}
