//! What prevents a database from being replaced, reported before anything is changed.

use anyhow::Result;

use super::request::{Aim, Difference, Request};
use crate::bytes;
use crate::engine::postgres::catalog::marker::MARKER;
use crate::engine::postgres::catalog::marks::own_limit;
use crate::engine::postgres::catalog::members::alone;
use crate::engine::postgres::catalog::room::{NEEDED, NEEDED_WITHIN, Room, room};
use crate::engine::postgres::change::setting;
use crate::engine::postgres::client::cures;
use crate::engine::postgres::client::name::ident;
use crate::engine::postgres::client::version::misfit;
use crate::facts::Surveyed;
use crate::facts::dumps::Dump;
use crate::human::{self, counted};
use crate::plan::{Act, Check, Step};
use crate::problem::{Code, Problem, one_line};
use crate::value::{Format, MarkedBy};

/// What a manifest calls something else is not loaded into a database.
pub fn is_a_database(dump: &Dump) -> Result<(), Problem> {
    let other = dump.artifact.as_ref().filter(|a| a.format() != Format::Script);
    other.map_or(Ok(()), |other| {
        Err(Problem::refused(format!(
            "`{}` in the backup is not a database: its kind is {}",
            other.store,
            other.format().kind()
        ))
        .code(Code::BackupUnfit))
    })
}

/// Refuses what would not fit, before anything is changed.
pub fn suits(target: &Surveyed, dump: &Dump, request: &Request) -> Result<()> {
    is_a_database(dump)
        .map_err(|problem| problem.cure("restore it with `--only` and the name of its store"))?;

    if let Some(artifact) = &dump.artifact {
        let alike = artifact.database() == Some(target.name());
        is_of_this_project(dump, request, alike)?;

        if !alike && artifact.store != target.spec.key && must_fit(request) {
            return Err(Problem::refused(format!(
                "the backup is of the database `{}`, not of `{}`",
                artifact.database().unwrap_or_default(),
                target.name()
            ))
            .code(Code::BackupUnfit)
            .cure(
                "choose the other one with `--database`, restore next to it with `--as NAME`, or \
                 accept it with `--any-database`",
            )
            .into());
        }
    }

    if request.accept.contains(&Difference::Version) {
        return Ok(());
    }

    fits_server(target, dump).map_err(|problem| {
        let cure = "restore into a newer server, or try it with `--any-version` (the live database \
                    stays until the new one is verified)";
        problem.cure(cure).into()
    })
}

/// Dumps load into the same version of PostgreSQL or a newer one.
pub fn fits_server(target: &Surveyed, dump: &Dump) -> std::result::Result<(), Problem> {
    misfit(dump.dumped_from, target.server.version).map_or(Ok(()), |why| {
        Err(Problem::refused(format!("`{}` does not fit this server", dump.backup.name))
            .code(Code::BackupUnfit)
            .because(why))
    })
}

/// Refuses a copy next to the live database if the dump has something that a server can have in
/// only one database: it can't be tried there.
pub fn stands_beside(dump: &Dump) -> std::result::Result<(), Problem> {
    let extension = dump.postgresql().and_then(|known| alone(known.extensions.keys()));
    extension.map_or(Ok(()), |name| {
        let why = format!(
            "it has the extension `{name}`, which a server can have in only one database: a second \
             copy can't have it"
        );
        Err(Problem::refused(format!("`{}` could not be tried here", dump.backup.name))
            .because(why))
    })
}

/// Whether a backup must be refused because it is of something else than what it would replace.
fn must_fit(request: &Request) -> bool {
    request.aim != Aim::Beside && !request.accept.contains(&Difference::Database)
}

/// Another project's data must not replace ours. If that project's name is only its folder's, a
/// database that is `alike` counts as the same one: the name says little, and the server knows
/// better than the file what ours is called.
fn is_of_this_project(dump: &Dump, request: &Request, alike: bool) -> Result<()> {
    let named = dump.backup.manifest().is_some_and(|m| m.project_named);
    match &dump.backup.other_project {
        Some(other) if must_fit(request) && (named || !alike) => Err(Problem::refused(format!(
            "`{}` is a backup of another project: `{other}`",
            dump.backup.name
        ))
        .code(Code::BackupUnfit)
        .cure(
            "`db-list` shows whose each is; accept it with `--any-database`, or restore a database \
             in it next to the live one with `--as NAME`",
        )
        .into()),
        _ => Ok(()),
    }
}

/// One store's data replaces another's only if you say so, even if both are of one kind.
pub fn suits_store(key: &str, dump: &Dump, request: &Request) -> Result<()> {
    is_of_this_project(dump, request, false)?;

    match &dump.artifact {
        Some(artifact) if artifact.store != key && must_fit(request) => {
            Err(Problem::refused(format!("the backup is of `{}`, not of `{key}`", artifact.store))
                .code(Code::BackupUnfit)
                .cure(
                    "choose the other one with `--only`, or another backup (`db-list`); if the \
                     store has a new name, accept it with `--any-database`",
                )
                .into())
        }
        _ => Ok(()),
    }
}

/// The new database is next to the live one for a while: there must be room for it.
pub fn fits_the_disk(dump: &Dump, disk_left: Option<u64>) -> Result<()> {
    let size = dump.postgresql().and_then(|known| known.database.size).unwrap_or(0);
    let needed = dump.artifact.as_ref().map(|artifact| size.max(artifact.plain_bytes));
    if let (Some(left), Some(needed)) = (disk_left, needed)
        && left < needed
    {
        return Err(Problem::refused(
            "the server's disk has no room for a second copy of the database",
        )
        .code(Code::NoRoom)
        .because(format!(
            "about {} are needed, {} are free",
            human::bytes(needed),
            human::bytes(left)
        ))
        .cure(
            "free some space there: a restore loads next to the live database, so that a failure \
             loses nothing",
        )
        .into());
    }

    Ok(())
}

/// The role may create a database, and the live one can be swapped.
pub fn may_create(target: &Surveyed) -> Result<()> {
    changeable(target)?;

    if target.server.role.createdb {
        return Ok(());
    }

    Err(Problem::refused(format!("the role `{}` can't create databases", target.server.role.name))
        .code(Code::RightsMissing)
        .because(
            "a restore loads into a new database next to the live one, and swaps them once it is \
             verified",
        )
        .cure(format!(
            "have an administrator run `ALTER ROLE \"{}\" CREATEDB`, or connect as another role",
            target.server.role.name
        ))
        .into())
}

/// What holds a database so that it can't be renamed.
pub fn swappable(target: &Surveyed) -> Result<()> {
    let s = &target.server;
    if let Some(live) = target.live().filter(|d| !s.role.superuser && d.owner != s.role.name) {
        return Err(Problem::refused(format!(
            "the role `{}` does not own `{}`, so it can't rename it",
            s.role.name, live.name
        ))
        .code(Code::RightsMissing)
        .cure(format!("connect as `{}` or as a superuser", live.owner))
        .into());
    }

    sayable(target)?;

    unheld(target)
}

/// A swap gives the new database the rights and settings of the live one, whose names must be sent
/// to the server.
fn sayable(target: &Surveyed) -> Result<()> {
    let Some(foreign) =
        target.live().and_then(|live| live.names().find(|name| bytes::has_foreign(name)))
    else {
        return Ok(());
    };

    Err(Problem::refused(format!(
        "`{}` has an owner, rights or settings that can't be copied to the new database",
        target.name()
    ))
    .code(Code::RightsMissing)
    .because(one_line(&format!(
        "`{foreign}` is not UTF-8: it was set from a database of another encoding"
    )))
    .cure(
        "in that encoding, rename the role to plain letters (`ALTER ROLE … RENAME TO …`), or set \
         the value again; for a restore, `--in-place` does not need to copy it",
    )
    .into())
}

/// A swap copies the live database's settings, including its marker: whether this role may set them
/// is asked first.
pub fn carriable(target: &Surveyed) -> Option<Step> {
    let role = &target.server.role;
    let live = target.live().filter(|live| !role.superuser && !live.settings.is_empty())?;
    let name = ident(&live.name);
    let marked = live.marks().iter().any(|mark| mark.by == MarkedBy::Setting);

    let marker = if marked && target.server.version.major() >= 15 {
        format!(
            "; for the marker, an administrator runs `GRANT SET ON PARAMETER {} TO {}`",
            MARKER,
            ident(&role.name)
        )
    } else {
        String::new()
    };

    Some(Step::Act(Act::Check(Check {
        what: format!("`{}` may copy the settings of {} to the new database", role.name, live.name),
        cmd: setting::trial(&target.client, live),
        expect: setting::ALL.into(),
        cure: format!(
            "nothing was changed: the named settings need a superuser, or the role they are for. \
             Run this as one, or (for a restore) with `--in-place`, which leaves the settings of \
             {name} as they are{marker}"
        ),
    })))
}

/// What blocks a rename even after all sessions have ended.
pub fn unheld(target: &Surveyed) -> Result<()> {
    changeable(target)?;
    let s = &target.server;
    if s.prepared > 0 {
        return Err(Problem::refused(format!(
            "`{}` is held by {}",
            target.name(),
            counted(s.prepared.into(), "prepared transaction")
        ))
        .cure(
            "end the transaction with COMMIT PREPARED or ROLLBACK PREPARED (`SELECT * FROM \
             pg_prepared_xacts`)",
        )
        .into());
    }

    if s.slots > 0 {
        return Err(Problem::refused(format!(
            "`{}` is held by {}",
            target.name(),
            counted(s.slots.into(), "logical replication slot")
        ))
        .cure(
            "drop what is not needed (`SELECT pg_drop_replication_slot(slot_name) FROM \
             pg_replication_slots`), or stop what replicates",
        )
        .into());
    }

    Ok(())
}

/// Refuses what a standby can't do, what must not be done through a pooler, and what would hit a
/// role's limit in the middle.
pub fn changeable(target: &Surveyed) -> Result<()> {
    if target.server.shape.standby {
        return Err(standby(target).into());
    }

    if let Some(why) = target.pooled() {
        let what =
            format!("`{}` ({}) can't be changed through a pooler", target.name(), target.at());
        return Err(Problem::refused(what)
            .because(why)
            .because("nothing was changed")
            .cure(cures::POOLED)
            .into());
    }

    let role = &target.server.role;
    if room(role.connection_limit, role.sessions, NEEDED) != Room::Never {
        return Ok(());
    }

    Err(Problem::refused(format!(
        "the role `{}` may have {} at once",
        role.name,
        counted_of(role.connection_limit, "session")
    ))
    .code(Code::RightsMissing)
    .because(format!("a run that changes data needs up to {NEEDED}, and would fail in the middle"))
    .because("nothing was changed")
    .cure(format!(
        "have an administrator run `ALTER ROLE {} CONNECTION LIMIT -1`",
        ident(&role.name)
    ))
    .into())
}

fn standby(target: &Surveyed) -> Problem {
    Problem::refused(format!(
        "the server of `{}` ({}) is a standby: nothing can be changed there",
        target.name(),
        target.at()
    ))
    .code(Code::Unsupported)
    .cure("connect to the primary; `db-backup` can read here")
}

/// Limits that others use up now: those sessions may be gone by then, or be terminated if they
/// block the run.
pub fn crowded(target: &Surveyed) -> Vec<String> {
    let (role, live) = (&target.server.role, target.live());
    let (of_role, of_database) =
        (role.connection_limit, live.map_or(-1, |live| own_limit(live.connection_limit)));
    let within = target.server.sessions.len() as i64;

    let of_role = (room(of_role, role.sessions, NEEDED) == Room::Taken).then(|| {
        format!(
            "the role `{}` may have {} at once, and others use {} of them now: this run needs up \
             to {NEEDED}, and fails if there is no room (`ALTER ROLE … CONNECTION LIMIT`)",
            role.name,
            counted_of(of_role, "session"),
            role.sessions
        )
    });

    let is_held = !role.superuser && room(of_database, within, NEEDED_WITHIN) != Room::Enough;
    let of_database = is_held.then(|| {
        format!(
            "`{}` allows {} at once, and {within} are open now: the work in it needs up to \
             {NEEDED_WITHIN}, and fails if there is no room (`ALTER DATABASE … CONNECTION LIMIT`)",
            target.name(),
            counted_of(of_database, "session")
        )
    });
    of_role.into_iter().chain(of_database).collect()
}

fn counted_of(limit: i64, what: &str) -> String {
    counted(u64::try_from(limit).unwrap_or(0), what)
}

/// A note that this run overrides a read-only default.
pub fn overrides(target: &Surveyed) -> Option<String> {
    target.server.shape.read_only.then(|| {
        format!(
            "`{}` is read-only by default for `{}` (`default_transaction_read_only`): this run \
             overrides that",
            target.name(),
            target.server.role.name
        )
    })
}

/// Unusual facts that matter when the database is replaced.
pub fn unusual(target: &Surveyed) -> Vec<String> {
    let names: Vec<String> =
        target.server.shape.subscriptions.iter().map(|name| format!("`{name}`")).collect();
    let subscriptions = (!names.is_empty()).then(|| {
        format!(
            "replication by {} stops here: subscriptions are restored disabled, and are disabled \
             in the kept database; their publishers' slots stay (`ALTER SUBSCRIPTION … ENABLE`, \
             then `… REFRESH PUBLICATION WITH (copy_data = false)`, continues it)",
            names.join(", ")
        )
    });

    overrides(target)
        .into_iter()
        .chain(target.on_login())
        .chain(crowded(target))
        .chain(subscriptions)
        .collect()
}
