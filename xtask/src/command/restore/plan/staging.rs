//! A dump into a new database next to the live one.

use super::{fence, proof};
use crate::engine::postgres::catalog::counting::{Half, count_rows};
use crate::engine::postgres::change::admin;
use crate::engine::postgres::change::identity::Identity;
use crate::engine::postgres::change::loader::Loader;
use crate::engine::postgres::change::loading::{
    BEGUN, COUNTED, COUNTS, HAS_LOADED, LOADED, LOADING, begun, between, ended,
};
use crate::engine::postgres::change::statistics::{analyze, far_tables};
use crate::engine::postgres::client::Client;
use crate::engine::postgres::client::name::connect;
use crate::engine::postgres::client::session::{NEUTRAL, PATIENT, READ_ALIKE, SAY_STATES};
use crate::facts::Surveyed;
use crate::facts::dumps::Dump;
use crate::plan::{Act, By, Count, Load, Pipe, Sink, Step};
use crate::value::{Format, Trust};

/// How a new database is made.
pub struct Staging {
    /// Makes it.
    pub steps: Vec<Step>,
    /// Done in any case, once it is swapped in or removed.
    pub finally: Vec<Act>,
}

/// What a new database is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It stays.
    Kept,
    /// It is removed again.
    Scratch,
}

/// The dump into a new database of this name, with all its checks. An untrusted one is loaded by a
/// loader role, if there can be one.
pub fn stage(target: &Surveyed, dump: &Dump, trust: Trust, name: &str, purpose: Use) -> Staging {
    let client = &target.client;
    let recorded = dump.postgresql().map(|known| &known.database);
    let identity = Identity { name: target.name(), oid: target.live().map(|d| d.oid) };
    let mut like = recorded.or(target.live()).cloned();

    if let Some(like) = like.as_mut().filter(|like| target.server.shape.lacks(&like.tablespace)) {
        like.tablespace.clear();
    }

    let creation = admin::creation(client, name, like.as_ref(), target.server.version, &identity);
    let Some(loader) = dump.loader() else {
        let load = own_load(target, trust, name, &creation);
        return Staging {
            steps: vec![Step::Act(pipe(target, dump, trust, load))],
            finally: Vec::new(),
        };
    };

    Staging {
        steps: contained(target, dump, loader, trust, (name, &creation), purpose),
        finally: vec![loader.remove(client)],
    }
}

/// The dump into a new database by a loader role.
pub fn contained(
    target: &Surveyed,
    dump: &Dump,
    loader: &Loader,
    trust: Trust,
    (name, creation): (&str, &str),
    purpose: Use,
) -> Vec<Step> {
    let acts = [
        loader.create(&target.client),
        loader.ready(&target.client, name, creation),
        pipe(target, dump, trust, contained_load(target, loader, trust, name, purpose)),
    ];
    acts.map(Step::Act).into()
}

fn pipe(target: &Surveyed, dump: &Dump, trust: Trust, load: Load) -> Act {
    Act::Pipe(Box::new(Pipe {
        store: target.spec.key.clone(),
        format: Format::Script,
        from: dump.source.clone(),
        to: Sink::Psql(Box::new(load)),
        proof: proof(target, dump, trust),
    }))
}

/// By the project's own role: one psql creates the database and fills it.
fn own_load(target: &Surveyed, trust: Trust, name: &str, creation: &str) -> Load {
    let (client, server) = (&target.client, target.server.version);
    Load {
        cmd: client.load(client.maintenance()),
        into: name.into(),
        // the second connection has its own settings again
        before: format!(
            "{SAY_STATES}{READ_ALIKE}{NEUTRAL}{PATIENT}{}{creation}{}{SAY_STATES}{READ_ALIKE}{PATIENT}{}",
            client.tongue.of_all(),
            connect(name),
            begin(target)
        ),
        between: Some(between(server)),
        count: Count::Shared(client.psql_as_dumped(
            name,
            format!("{NEUTRAL}{PATIENT}{LOADED}\n{}", look_through(client, Half::Other)),
        )),
        fence: fence(target, trust),
        after: format!(
            "{}COMMIT;\n{}{HAS_LOADED}{}{}",
            ended(server),
            analyze_alone(),
            far_tables(),
            look_through(client, Half::One)
        ),
        by: By::Project,
    }
}

/// By a loader role, which also collects the statistics and counts: ANALYZE calls the file's
/// functions as the owner of a table, and planning a `count(*)` calls those in an index's
/// expression as the counting role. It does so before the COMMIT, and nothing of the file runs
/// after that: a password that the file gave its role would count from then on.
fn contained_load(
    target: &Surveyed,
    loader: &Loader,
    trust: Trust,
    name: &str,
    purpose: Use,
) -> Load {
    let (client, server) = (loader.client(&target.client), target.server.version);
    let halves = [Half::One, Half::Other];
    let (counts, statistics) = (halves.map(count_rows).concat(), halves.map(analyze).concat());
    let settled = format!("{}{statistics}{}{}", ended(server), ended(server), far_tables());
    let counted =
        format!("{}\\echo '{COUNTS}'\n{counts}\\echo '{COUNTED}'\n", client.tongue.of_counts());

    Load {
        cmd: client.load(name),
        into: name.into(),
        before: format!("{SAY_STATES}{READ_ALIKE}{PATIENT}{}", begin(target)),
        between: None,
        count: Count::First(format!(
            "{settled}SAVEPOINT counts;\n{UNFORCED}{counted}ROLLBACK TO SAVEPOINT counts;\n"
        )),
        fence: fence(target, trust),
        after: "COMMIT;\n".into(),
        by: By::Loader(
            (purpose == Use::Kept).then(|| loader.handover(&target.client, name, server)),
        ),
    }
}

/// A policy that is forced on a table's owner would hide rows from the count: it is lifted
/// meanwhile.
const UNFORCED: &str = "SELECT format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', \
                        oid::regclass) FROM pg_class WHERE relforcerowsecurity AND relowner = \
                        (SELECT oid FROM pg_roles WHERE rolname = CURRENT_USER) \\gexec\n";

/// The commit that gives the database its name also flushes this one to disk.
fn begin(target: &Surveyed) -> String {
    format!(
        "SET synchronous_commit = off;\nBEGIN;\n{LOADING}\n\\echo '{BEGUN}'\n{}",
        begun(target.server.version)
    )
}

/// Asks whether ANALYZE may run functions of the dump. What they do must be done before anything is
/// counted.
const RUNS: &str = "SELECT EXISTS (SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l \
                    ON l.oid = p.prolang\n  WHERE p.oid >= 16384 AND l.lanname NOT IN ('c', \
                    'internal')) AS db_tasks_runs \\gset\n";

/// All of the statistics, before the other session begins, if functions may run.
fn analyze_alone() -> String {
    format!("{RUNS}\\if :db_tasks_runs\n{}{}\\endif\n", analyze(Half::One), analyze(Half::Other))
}

/// Statistics, and the counts that verify the load, for half of the tables: there are two sessions,
/// and usually two cores. Planning a count may run functions, too: they can't change anything.
fn look_through(client: &Client, half: Half) -> String {
    format!(
        "{RUNS}\\if :db_tasks_runs\n\\else\n{}\\endif\n{}SET default_transaction_read_only = \
         on;\n\\echo '{}'\n{}",
        analyze(half),
        client.tongue.of_counts(),
        COUNTS,
        count_rows(half)
    )
}
