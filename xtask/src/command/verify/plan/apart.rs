//! A trial in a throw-away cluster: nothing of the file runs on the real server.
//!
//! There, too, it is loaded by a role that is not a superuser: untrusted functions of a superuser
//! could run programs as the server's account, which may be yours, and read your files.

use crate::cmd::Cmd;
use crate::command::restore::plan::{Use, contained};
use crate::engine::cluster::throw_away::with_log;
use crate::engine::postgres::catalog::reached::FOLDER;
use crate::engine::postgres::change::admin;
use crate::engine::postgres::change::identity::Identity;
use crate::engine::postgres::change::loader::{Loader, powerless};
use crate::facts::dumps::Dump;
use crate::facts::trial::Apart;
use crate::plan::{Act, Check, Deed, How, Scope, Step};
use crate::planning::cluster::{command, handed_over, opened, socket_folder};
use crate::value::Trust;

/// The trial, with everything it needs. The server and its folder are always removed; after a kill,
/// by the next run.
pub(super) fn steps(apart: &Apart, dump: &Dump, loader: &Loader, trust: Trust) -> Vec<Step> {
    let Apart { cluster: facts, target, like, .. } = apart;
    let name = target.name();
    let creation = admin::creation(
        &target.client,
        name,
        like.as_ref(),
        target.server.version,
        &Identity { name, oid: None },
    );

    let mut body: Vec<Step> =
        opened(facts).chain(handed_over(facts, &facts.found.cluster.folder)).collect();
    body.extend(made(apart));
    body.extend(roles(apart));
    body.extend(contained(target, dump, loader, trust, (name, &creation), Use::Scratch));

    vec![Step::Scope(Scope { body, finally: gone(apart), ..Scope::default() })]
}

fn made(apart: &Apart) -> Vec<Step> {
    let facts = &apart.cluster;
    let cluster = &facts.found.cluster;
    let what = format!(
        "throw-away cluster of PostgreSQL {}: {}",
        facts.found.programs.major,
        cluster.folder.display()
    );

    let mut steps = vec![command(Act::Create, what, facts, cluster.initdb_for_trial())];
    steps.extend(socket_folder(facts));

    let start = with_log(facts.place().wrap(cluster.start_for_trial()), &cluster.log());
    let what = "start its server, only on a socket in its own folder".into();
    steps.push(Step::Act(Act::Write(Deed { what, how: How::Unbroken(start) })));
    steps.push(Step::Act(Act::Check(is_it(apart))));

    steps
}

/// Checks that this server is the one that answers.
fn is_it(apart: &Apart) -> Check {
    let client = &apart.target.client;
    Check {
        what: "the server that answers is the throw-away one".into(),
        cmd: client.psql(client.maintenance(), FOLDER),
        expect: apart
            .cluster
            .found
            .cluster
            .folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        cure: "something in the environment makes psql connect elsewhere: look for variables that \
               begin with `PG`"
            .into(),
    }
}

/// Roles that policies and user mappings name must exist; they can't do anything.
fn roles(apart: &Apart) -> Option<Step> {
    let made = || Step::Act(powerless(&apart.target.client, &apart.roles));
    (!apart.roles.is_empty()).then(made)
}

fn gone(apart: &Apart) -> Vec<Act> {
    let cluster = &apart.cluster.found.cluster;
    let remove = |what: &str, how| Act::Remove(Deed { what: what.into(), how });
    let end: Cmd = cluster.end();
    let apart = cluster.socket_dir != cluster.folder;
    let socket =
        apart.then(|| remove("the socket's folder", How::Folder(cluster.socket_dir.clone())));

    [
        remove("the server of the throw-away cluster", How::Command(end)),
        remove("the throw-away cluster", How::Folder(cluster.folder.clone())),
    ]
    .into_iter()
    .chain(socket)
    .collect()
}
