//! `db-migrate` and `db-seed`: the hook of that name, with the right DATABASE_URL; and
//! `db-prepare`, which decides what a database needs.

use anyhow::Result;

use crate::config::Pin;
use crate::facts::Surveyed;
use crate::plan::{Plan, Risk, Step};
use crate::planning::hooks::{Hooks, Outcome};
use crate::problem::{Code, Problem};

/// What comes before the hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// A backup.
    Backup,
    /// A backup, if there is anything to back up: a migration may drop anything, and the first one
    /// finds nothing.
    BackupOfWhatIsThere,
    /// Nothing.
    Nothing,
    /// Nothing, although a backup is expected.
    NoBackup,
}

impl First {
    /// Whether that is a backup.
    pub fn backs_up(self, target: &Surveyed) -> bool {
        match self {
            Self::Backup => true,
            Self::BackupOfWhatIsThere => has_anything(target),
            Self::Nothing | Self::NoBackup => false,
        }
    }

    /// What to tell about it.
    fn note(self, target: &Surveyed) -> Option<String> {
        match self {
            Self::BackupOfWhatIsThere if target.live().is_none() => Some(format!(
                "there is no database `{}` yet: nothing is backed up first",
                target.name()
            )),
            Self::BackupOfWhatIsThere if !has_anything(target) => {
                Some(format!("`{}` is empty: there is nothing to back up first", target.name()))
            }
            Self::NoBackup if has_anything(target) => {
                Some("NO BACKUP is made first: this can't be undone".into())
            }
            _ => None,
        }
    }
}

fn has_anything(target: &Surveyed) -> bool {
    target.live().is_some() && target.server.has_objects
}

/// What comes before the hook, with the plan of its backup if it is one.
pub struct Before {
    /// What was requested.
    pub first: First,
    /// The backup.
    pub backup: Option<Plan>,
}

/// Plans one hook (`migrate`, `seed`).
pub fn plan(
    target: &Surveyed,
    task: &'static str,
    hooks: &Hooks,
    before: Before,
    pins: Vec<Pin>,
) -> Result<Plan> {
    let Before { first, backup } = before;
    let moment = hooks.task.clone();
    let made = backup.as_ref().and_then(|b| b.result.first().cloned());
    let acts = hooks.acts(&moment, made.as_ref(), Outcome::Pending);

    if acts.is_empty() {
        return Err(Problem::usage(format!(
            "there is no hook `{moment}` for `{}`",
            target.spec.key
        ))
        .code(Code::Config)
        .cure(format!(
            "add `{moment} = [\"npm\", \"run\", \"{moment}\"]`, or your own command, below \
             `[hooks]` in `db-tasks.toml`"
        ))
        .into());
    }

    let mut steps = backup.map_or(Vec::new(), |b| b.steps);
    steps.extend(acts.into_iter().map(Step::Act));

    let mut afterwards = Vec::new();
    if let Some(path) = &made {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        afterwards.push(format!("what was there before is in the backup: db-restore {file}"));
    }

    // production is migrated, too, but not seeded
    let risk = match moment.as_str() {
        "migrate" => Risk::Migrates,
        _ => Risk::Changes { stakes: vec![target.stake()], pins },
    };

    Ok(Plan {
        notes: first.note(target).into_iter().chain(hooks.notes(&moment)).collect(),
        steps,
        afterwards,
        result: made.iter().cloned().collect(),
        backup: made,
        ..Plan::bare(task, format!("{moment} `{}` ({})", target.name(), target.at()), risk)
    })
}
