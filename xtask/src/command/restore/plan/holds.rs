//! What a plan says of the backup that it restores.

use super::checks::unusual;
use super::stranger::{author, author_may};
use super::{loads_a_library, settings_of_others};
use crate::bundle::{Backup, Manifest};
use crate::engine::postgres::client::version::sets_unknown;
use crate::facts::Surveyed;
use crate::facts::dumps::{Dump, Form};
use crate::human::counted;

pub(super) fn form(dump: &Dump) -> String {
    match dump.form {
        Form::Archive(format) => format!(", an archive in pg_dump's {format} format"),
        Form::Plain | Form::WithCreate => String::new(),
    }
}

/// What the backup holds for this database.
pub(super) fn holds(target: &Surveyed, dump: &Dump) -> Vec<String> {
    let mut notes = Vec::new();
    match &dump.artifact {
        Some(artifact) => notes.push(format!(
            "the backup has {} in {}",
            counted(artifact.rows, "row"),
            counted(artifact.tables().len() as u64, "table")
        )),
        None => notes.push(format!(
            "`{}` is a foreign file{}: no manifest says what it must contain",
            dump.backup.name,
            form(dump)
        )),
    }

    if dump.form == Form::WithCreate {
        notes.push(
            "statements on its own database (`pg_dump --create`) are left out: name, owner, \
             settings and rights are those here"
                .into(),
        );
    }

    let of = dump
        .postgresql()
        .map(|known| &known.database.name)
        .filter(|name| !name.is_empty() && *name != target.name());

    notes.extend(of.map(|name| {
        format!("it is of the database `{name}`, and is loaded into `{}`", target.name())
    }));
    notes.extend(unusual(target));

    if dump.loader().is_some()
        && dump.postgresql().is_some_and(|known| !known.database.settings.is_empty())
    {
        notes.push(
            "the database settings in its manifest are left out: the file is untrusted".into(),
        );
    }

    let settings = dump.postgresql().into_iter().flat_map(|known| &known.database.settings);
    notes.extend(settings.filter(|setting| loads_a_library(setting, target)).map(|setting| {
        format!(
            "the setting `{}` of the manifest is left out: it loads a library into every session; \
             set it yourself if you need it",
            setting.name
        )
    }));

    notes.extend(settings_of_others(target, dump).filter(|_| target.live().is_none()));
    notes.extend(dump.fit.notes.iter().cloned());
    notes.extend(author_may(author(target, dump), dump));

    if dump.loader().is_some() && target.server.role.superuser {
        notes.push(
            "if a superuser gets a table whose indexes or statistics call the file's functions, \
             autovacuum is off for it: it would run them as that superuser (`ALTER TABLE … RESET \
             (autovacuum_enabled)`, after you have read them)"
                .into(),
        );
    }

    if !target.server.client.knows_restrict() {
        notes.push(format!(
            "this psql ({}) does not know `\\restrict`: only db-tasks' own check keeps psql \
             commands out of the dump",
            target.server.client
        ));
    }

    if let Some(by) = dump.dumped_by.filter(|_| sets_unknown(dump.dumped_by, target.server.version))
    {
        notes.push(format!(
            "pg_dump {by} wrote it: its `SET transaction_timeout`, which a {} server does not \
             know, is left out",
            target.server.version
        ));
    }

    notes
}

/// When the backup was made, and what is missing from it. Production's data on a laptop, or a
/// laptop's in staging, may be intended, but should be noticed.
pub(super) fn elsewhere(backup: &Backup, environment: &str) -> Option<String> {
    let made_in = backup
        .manifest()
        .map(|m| m.environment.as_str())
        .filter(|made_in| *made_in != environment)?;
    Some(format!("the backup was made in the environment `{made_in}`, and this is `{environment}`"))
}

pub(super) fn made(backup: &Backup) -> Vec<String> {
    let mut notes =
        vec![format!("the backup was made {}", backup.created.format("%Y-%m-%d %H:%M:%S UTC"))];
    if let Some(manifest) = backup.manifest().filter(|m| m.partial) {
        notes.push(format!("the backup is PARTIAL: {}", manifest.without()));
    }
    notes.extend(backup.manifest().and_then(Manifest::doubt));
    notes
}
