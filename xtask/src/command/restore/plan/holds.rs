//! What a plan says of the backup that it restores.

use super::brought::{loads_a_library, settings_of_others};
use super::checks::unusual;
use super::stranger::{author, author_may};
use crate::bundle::{Backup, Manifest, Reason};
use crate::config::DumpArg;
use crate::engine::postgres::change::admin;
use crate::engine::postgres::client::version::sets_unknown;
use crate::facts::Surveyed;
use crate::facts::dumps::{Dump, Form};
use crate::human::counted;
use crate::planning::replacing::older;

pub(super) fn form(dump: &Dump) -> String {
    match dump.form {
        Form::Archive(format) => format!(", an archive in pg_dump's {format} format"),
        Form::Plain | Form::WithCreate => String::new(),
    }
}

/// What the backup holds for this database, and what of it is left out.
pub(super) fn holds(target: &Surveyed, dump: &Dump) -> Vec<String> {
    let of_others = settings_of_others(target, dump).filter(|_| target.live().is_none());

    [amount(dump)]
        .into_iter()
        .chain(created(dump))
        .chain(left_out(target, dump))
        .chain(of_another_name(target, dump))
        .chain(unusual(target))
        .chain(settings(target, dump))
        .chain(of_others)
        .chain(dump.fit.notes.iter().cloned())
        .chain(author_may(author(target, dump), dump))
        .chain(by_a_loader(target, dump))
        .chain(versions(target, dump))
        .collect()
}

fn amount(dump: &Dump) -> String {
    match &dump.artifact {
        Some(artifact) => format!(
            "the backup has {} in {}",
            counted(artifact.rows, "row"),
            counted(artifact.tables().len() as u64, "table")
        ),
        None => format!(
            "`{}` is a foreign file{}: no manifest says what it must contain",
            dump.backup.name,
            form(dump)
        ),
    }
}

fn created(dump: &Dump) -> Option<String> {
    let left_out = "statements on its own database (`pg_dump --create`) are left out: name, owner, \
                    settings and rights are those here";
    (dump.form == Form::WithCreate).then(|| left_out.into())
}

/// What pg_dump was told to leave out: nothing brings it back.
fn left_out(target: &Surveyed, dump: &Dump) -> Option<String> {
    let args = DumpArg::parse(&dump.postgresql()?.dump_args).ok()?;
    let what = DumpArg::left_out(&args)?;

    let owner = args
        .contains(&DumpArg::NoOwner)
        .then(|| format!("; what it makes will belong to `{}`", target.server.role.name));
    Some(format!("it was made without {what} (`pg-dump-args`){}", owner.unwrap_or_default()))
}

fn of_another_name(target: &Surveyed, dump: &Dump) -> Option<String> {
    let (name, own) = (&dump.postgresql()?.database.name, target.name());
    (!name.is_empty() && name != own)
        .then(|| format!("it is of the database `{name}`, and is loaded into `{own}`"))
}

/// Settings of the manifest that are left out.
fn settings(target: &Surveyed, dump: &Dump) -> Vec<String> {
    let settings = dump.postgresql().map_or(&[][..], |known| &known.database.settings);
    let untrusted = "the database settings in its manifest are left out: the file is untrusted";
    let untrusted = (dump.loader().is_some() && !settings.is_empty()).then(|| untrusted.into());

    let libraries = settings.iter().filter(|setting| loads_a_library(setting, target));
    let libraries = libraries.map(|setting| {
        format!(
            "the setting `{}` of the manifest is left out: it loads a library into every session; \
             set it yourself if you need it",
            setting.name
        )
    });

    untrusted.into_iter().chain(libraries).collect()
}

fn by_a_loader(target: &Surveyed, dump: &Dump) -> Option<String> {
    let autovacuum = "if a superuser gets a table whose indexes or statistics call the file's \
                      functions, autovacuum is off for it: it would run them as that superuser \
                      (`ALTER TABLE … RESET (autovacuum_enabled)`, after you have read them)";
    (dump.loader().is_some() && target.server.role.superuser).then(|| autovacuum.into())
}

/// What the programs and the server do not know.
fn versions(target: &Surveyed, dump: &Dump) -> Vec<String> {
    let (client, server) = (target.server.client, target.server.version);
    let restrict = (!client.knows_restrict()).then(|| {
        format!(
            "this psql ({client}) does not know `\\restrict`: only db-tasks' own check keeps psql \
             commands out of the dump"
        )
    });

    let by = dump.dumped_by.filter(|_| sets_unknown(dump.dumped_by, server));
    let timeout = by.map(|by| {
        format!(
            "pg_dump {by} wrote it: its `SET transaction_timeout`, which a {server} server does \
             not know, is left out"
        )
    });

    restrict.into_iter().chain(timeout).collect()
}

/// When the backup was made, and what is missing from it. Production's data on a laptop, or a
/// laptop's in staging, may be intended, but should be noticed.
pub(super) fn elsewhere(backup: &Backup, environment: &str) -> Option<String> {
    let manifest = backup.manifest()?;
    if manifest.reason == Reason::Adopted {
        return Some("another tool made the backup: of which environment, nobody knows".into());
    }

    let made_in = manifest.environment.as_str();
    (made_in != environment).then(|| {
        format!("the backup was made in the environment `{made_in}`, and this is `{environment}`")
    })
}

pub(super) fn made(backup: &Backup) -> Vec<String> {
    let mut notes =
        vec![format!("the backup was made {}", backup.created.format("%Y-%m-%d %H:%M:%S UTC"))];
    let flaws = backup.manifest().and_then(Manifest::flaws);
    notes.extend(flaws.map(|flaws| format!("the backup is {flaws}")));
    notes.extend(backup.manifest().and_then(Manifest::doubt));
    notes
}

/// One old database is kept: the one before it is dropped for good.
pub fn older_goes(target: &Surveyed) -> Option<String> {
    Some(format!(
        "`{}`, kept by the last restore or reset, will be dropped: only one previous database is \
         kept",
        older(target)?.name
    ))
}

/// What a failed or killed run left for you to look at, and is dropped now.
pub fn failed_goes(target: &Surveyed) -> Option<String> {
    let failed = target.server.database(&admin::failed(target.name()))?;
    Some(format!("`{}`, left by a failed run for you to look at, will be dropped", failed.name))
}

pub(super) fn headline(dump: &Dump, name: &str, target: &Surveyed) -> String {
    format!("restore `{name}` ({}) from {}", target.at(), dump.backup.name)
}
