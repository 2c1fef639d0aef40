//! Which backup is meant.

use std::io::IsTerminal;

use anyhow::Result;

use super::Session;
use crate::bundle::{Backup, Catalog, Kind, Names};
use crate::cmd::quoted;
use crate::facts::dumps::{self, Dump};
use crate::problem::{Code, Problem};
use crate::ui::terminal;
use crate::value::Format;
use crate::view::backups;

/// The part of a backup for one database or store, after a look at its file.
pub fn dump_of(
    session: &Session,
    backup: &Backup,
    key: Option<&str>,
    format: Format,
) -> Result<Dump> {
    if let Kind::Broken { why, .. } = &backup.kind {
        // what no manifest says may be a manifest of a newer version
        let code = match &backup.kind {
            Kind::Broken { manifest: None, .. } => Code::BackupUnfit,
            _ => Code::BackupDamaged,
        };
        return Err(Problem::failed(format!("the backup `{}` is broken", backup.name))
            .code(code)
            .because(why)
            .cure(match &backup.kind {
                Kind::Broken { manifest: None, .. } => {
                    "use another one (`db-list`); if there is none, move its manifest out of the \
                     folder and name the file: it is then a foreign file, and not verified"
                }
                _ => "use another one (`db-list`)",
            })
            .into());
    }

    dumps::look(backup, key, format, &session.project, &session.env)
}

/// A warning that a backup that is broken or in doubt is newer than the chosen one, or that there is
/// no other.
pub fn say_passed_over(session: &mut Session, catalog: &Catalog, taken: Option<&Backup>) {
    for (name, how, why) in catalog.skipped_before(taken) {
        session.person.say(&format!("warning: `{name}` is {how}, and skipped: {why}"));
    }
}

/// The newest good backup with all of these databases and stores.
pub fn latest(session: &mut Session, catalog: &Catalog, keys: &[&str]) -> Result<Backup> {
    let found = catalog.latest(keys);
    say_passed_over(session, catalog, found);

    found.cloned().ok_or_else(|| {
        let in_ticks = |names: &[&str]| {
            names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ")
        };
        let of = if keys.is_empty() { String::new() } else { format!(" with {}", in_ticks(keys)) };
        let missing =
            Problem::failed(format!("there is no good backup{of} in `{}`", catalog.dir.display()))
                .code(Code::NoSuchBackup);
        let others: Vec<&str> = catalog.other_projects().into_iter().collect();
        let foreign: Vec<&str> = catalog.foreign().map(|b| b.name.as_str()).collect();

        if let (true, Some(first)) = (others.is_empty(), foreign.first()) {
            let which = if foreign.len() == 1 {
                String::new()
            } else {
                format!("{} files, the newest ", foreign.len())
            };

            return missing
                .because(format!("files without a manifest are ignored: {which}`{first}`"))
                .cure(format!(
                    "name the file (`db-restore {first}`); `db-backup` makes a verified one"
                ))
                .into();
        }

        if others.is_empty() {
            return missing
                .cure("`db-backup` makes one; `--file PATH` takes a file from anywhere")
                .into();
        }

        missing
            .because(format!("those of other projects are ignored: {}", in_ticks(&others)))
            .cure(
                "`db-backup` makes one; another project's is restored by its name, with \
                 `--any-database`",
            )
            .into()
    })
}

/// The newest good backup of databases with these names: one with the same key may be of another
/// database.
pub fn latest_of(
    session: &mut Session,
    catalog: &Catalog,
    keys: &[&str],
    names: &Names,
) -> Result<Backup> {
    let newest = latest(session, catalog, keys)?;
    let Some((then, now)) = newest.of_another(names) else { return Ok(newest) };
    if let Some(found) = catalog.latest_of(keys, names) {
        session.person.say(&format!(
            "`{}` is newer, but of the database `{then}`, so it is skipped",
            newest.name
        ));
        return Ok(found.clone());
    }

    Err(Problem::refused(format!("the newest backup is of the database `{then}`, not of `{now}`"))
        .code(Code::BackupUnfit)
        .because(format!("it is `{}`; there is none of `{now}`", newest.name))
        .cure(format!(
            "if you want the data of `{then}` in `{now}`, say so: `db-restore --latest \
             --any-database`, or name the backup: `db-restore {}`",
            quoted(&newest.name)
        ))
        .into())
}

/// Asks you to choose from the list; `q` and the end of input choose nothing.
pub fn pick(session: &mut Session, catalog: &Catalog) -> Result<Option<Backup>> {
    if catalog.backups.is_empty() {
        return latest(session, catalog, &[]).map(Some);
    }

    if !std::io::stdin().is_terminal() {
        return Err(Problem::refused(
            "can't ask which backup to use: standard input is not a terminal",
        )
        .cure("name it, or use `--latest` or `--file PATH`")
        .into());
    }

    let reader = backups::Reader {
        now: session.moment.now,
        width: terminal::width_of(&std::io::stderr(), &session.env),
    };
    session.person.say(&backups::numbered(catalog, reader));
    loop {
        let Some(given) = session.person.ask("Number of the backup to restore (q to quit): ")?
        else {
            return Ok(None);
        };
        match (given.trim(), given.trim().parse::<usize>()) {
            ("q" | "quit", _) => return Ok(None),
            (_, Ok(n)) if (1..=catalog.backups.len()).contains(&n) => {
                return Ok(Some(catalog.backups[n - 1].clone()));
            }
            _ => session.person.say(&format!(
                "there is no `{}`: a number from 1 to {}, or q",
                given.trim(),
                catalog.backups.len()
            )),
        }
    }
}
