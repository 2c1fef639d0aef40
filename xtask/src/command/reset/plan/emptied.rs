//! A reset by a role that can't create databases: the database itself is emptied. Its old data is
//! only in the backup that comes first, so the backup is loaded once before anything is lost for
//! good, and restored automatically if the hooks fail.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::bundle::ending::stem;
use crate::config::Project;
use crate::engine::postgres::catalog::marks::{MarkFields, run_name};
use crate::engine::postgres::change::admin;
use crate::engine::postgres::change::identity::Identity;
use crate::engine::postgres::change::in_place::{
    back_again, end_others, is_emptied, load, tried_and_emptied,
};
use crate::engine::postgres::client::name::previous;
use crate::facts::Surveyed;
use crate::plan::{Act, ComeBack, Deed, Fence, How, Load, Plan, Reload, Scope, Seal, Sink, Step};
use crate::planning::sessions::end_sessions;
use crate::problem::{Code, Problem};
use crate::stream::Locking;
use crate::tasks;
use crate::value::{DatabaseFacts, Swapped};

/// Why a reset without a backup is refused.
pub(super) fn backed_up(target: &Surveyed, backup: Option<&Plan>) -> Result<()> {
    if backup.is_some() {
        return Ok(());
    }

    let role = &target.server.role.name;
    Err(Problem::refused(format!(
        "the role `{role}` can't create databases, so a reset can't keep the old one"
    ))
    .code(Code::RightsMissing)
    .because("without a backup this could not be undone")
    .because("nothing was changed")
    .cure(format!(
        "leave out `--skip-backup`, or have an administrator run `ALTER ROLE \"{role}\" CREATEDB`"
    ))
    .into())
}

/// The backup, then the database emptied and filled by the hooks.
pub(super) fn steps(
    target: &Surveyed,
    backup: Plan,
    fill: Vec<Step>,
    project: &Project,
) -> Result<Vec<Step>> {
    let (name, client) = (target.name(), &target.client);
    let live = target.live().context("an emptied database exists")?;
    let [emptied, back] = reloads(target, live, &backup, project)?;
    let done = admin::release(client, name, MarkFields::of(Some(live)), None);

    let body = [end_others(client, name), emptied]
        .into_iter()
        .map(Step::Act)
        .chain(fill)
        .chain([Step::Act(done)])
        .collect();

    let on_failure = vec![end_sessions(target), end_others(client, name), back];
    let mut steps = vec![Step::Act(admin::still(client, name, Some(live)))];
    steps.extend(backup.steps);
    steps.push(Step::Scope(Scope { body, on_failure, ..Scope::default() }));

    Ok(steps)
}

/// The backup loaded as a trial, after which the database is empty; and loaded again, to bring the
/// old data back.
fn reloads(
    target: &Surveyed,
    live: &DatabaseFacts,
    backup: &Plan,
    project: &Project,
) -> Result<[Act; 2]> {
    let (name, client) = (target.name(), &target.client);
    let manifest =
        backup.acts().into_iter().find_map(manifest_of).context("a backup has a manifest")?;
    let locking = backup.acts().into_iter().find_map(locking_of);
    let made = backup.result.first().and_then(|path| path.file_name()).unwrap_or_default();

    let reload = |what: String, back, load: Load| {
        let reload = Reload {
            back,
            manifest: manifest.clone(),
            store: target.spec.key.clone(),
            load,
            locking: locking.clone(),
            comments: target.server.extensions.keys().cloned().collect(),
        };
        Act::Write(Deed { what, how: How::Reload(Box::new(reload)) })
    };

    let fence = if target.server.client.knows_restrict() { Fence::Restricted } else { Fence::Open };
    let run = run_name(tasks::RESET.name, client, &project.root);
    let (identity, own) = (Identity { name, oid: Some(live.oid) }, MarkFields::of(Some(live)));

    let emptied = load(client, &identity, &target.server.inventory, fence, target.server.version);
    let emptied = tried_and_emptied(emptied, &identity, own, &run);
    let comes_back = ComeBack {
        only_if: is_emptied(client, name, &run),
        from: Swapped::In,
        dump: target.dumper.dump(),
        kept_as: project.backup.dir.join(format!("{}_half_made", stem(&made.to_string_lossy()))),
    };
    let back = back_again(client, &identity, own, fence, target.server.version);

    Ok([
        reload(format!("load the backup into {name} as a trial, and empty it"), None, emptied),
        reload(
            format!("bring the old data of {name} back from the backup"),
            Some(comes_back),
            back,
        ),
    ])
}

/// What a person should know of it.
pub(super) fn notes(target: &Surveyed) -> Vec<String> {
    let role = &target.server.role.name;
    let older = target.server.database(&previous(target.name()));
    let older = older.map(|d| {
        format!("`{}` is not changed: `db-undo` would restore it, not today's data", d.name)
    });

    let extensions = target
        .server
        .extensions
        .keys()
        .filter(|name| *name != "plpgsql")
        .cloned()
        .collect::<Vec<_>>();

    let stay = (!extensions.is_empty())
        .then(|| format!("its extensions stay as they are: {}", extensions.join(", ")));

    [
        format!(
            "the role `{role}` can't create databases: `{}` itself is emptied, and no old database \
             is kept",
            target.name()
        ),
        "the backup is loaded once as a trial before anything is removed; if the migrator or the \
         seed fails, the old data is restored from it"
            .into(),
        "changes after that backup are lost: stop what writes to it".into(),
    ]
    .into_iter()
    .chain(stay)
    .chain(older)
    .collect()
}

/// How the backup is encrypted, if it is.
fn locking_of(act: &Act) -> Option<Locking> {
    let Act::Pipe(pipe) = act else { return None };
    match &pipe.to {
        Sink::File { locking, .. } => locking.clone(),
        _ => None,
    }
}

fn manifest_of(act: &Act) -> Option<PathBuf> {
    let Act::Seal(seal) = act else { return None };
    match &**seal {
        Seal::Backup { manifest_path, .. } => Some(manifest_path.clone()),
        Seal::Counted(_) | Seal::Adopted { .. } | Seal::Verified { .. } | Seal::Pinned { .. } => {
            None
        }
    }
}
