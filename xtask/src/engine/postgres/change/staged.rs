//! A load into a new database, which takes the live name once it is verified.

use super::loader::Loader;
use super::loading::{BEGUN, COUNTED, COUNTS, HAS_LOADED, LOADED, LOADING, begun, between, ended};
use super::statistics::{analyze, far_tables};
use crate::engine::postgres::catalog::counting::{Half, count_rows};
use crate::engine::postgres::client::Client;
use crate::engine::postgres::client::name::connect;
use crate::engine::postgres::client::session::{NEUTRAL, PATIENT, READ_ALIKE, SAY_STATES};
use crate::engine::postgres::client::version::Version;
use crate::plan::{By, Count, Fence, Load};

/// By the project's own role: one psql creates the database by these statements, and fills it.
pub fn own(client: &Client, name: &str, creation: &str, fence: Fence, server: Version) -> Load {
    Load {
        cmd: client.load(client.maintenance()),
        into: name.into(),
        // the second connection has its own settings again
        before: format!(
            "{SAY_STATES}{READ_ALIKE}{NEUTRAL}{PATIENT}{}{creation}{}{SAY_STATES}{READ_ALIKE}{PATIENT}{}",
            client.tongue.of_all(),
            connect(name),
            begin(server)
        ),
        between: Some(between(server)),
        count: Count::Shared(client.psql_as_dumped(
            name,
            format!("{NEUTRAL}{PATIENT}{LOADED}\n{}", look_through(client, Half::Other)),
        )),
        fence,
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
pub fn by_loader(
    client: &Client,
    name: &str,
    loader: &Loader,
    fence: Fence,
    server: Version,
) -> Load {
    let client = loader.client(client);
    let halves = [Half::One, Half::Other];
    let (counts, statistics) = (halves.map(count_rows).concat(), halves.map(analyze).concat());
    let settled = format!("{}{statistics}{}{}", ended(server), ended(server), far_tables());
    let counted =
        format!("{}\\echo '{COUNTS}'\n{counts}\\echo '{COUNTED}'\n", client.tongue.of_counts());

    Load {
        cmd: client.load(name),
        into: name.into(),
        before: format!("{SAY_STATES}{READ_ALIKE}{PATIENT}{}", begin(server)),
        between: None,
        count: Count::First(format!(
            "{settled}SAVEPOINT counts;\n{UNFORCED}{counted}ROLLBACK TO SAVEPOINT counts;\n"
        )),
        fence,
        after: "COMMIT;\n".into(),
        by: By::Loader(None),
    }
}

/// A script of the repository's own, in one transaction and uncounted.
pub fn at_once(client: &Client, name: &str, fence: Fence, server: Version) -> Load {
    Load {
        cmd: client.load(name),
        into: name.into(),
        before: format!("{SAY_STATES}{READ_ALIKE}BEGIN;\n\\echo '{BEGUN}'\n{}", begun(server)),
        between: None,
        fence,
        count: Count::Not,
        after: format!("{}COMMIT;\n", ended(server)),
        by: By::Project,
    }
}

/// A policy that is forced on a table's owner would hide rows from the count: it is lifted
/// meanwhile.
const UNFORCED: &str = "SELECT format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', \
                        oid::regclass) FROM pg_class WHERE relforcerowsecurity AND relowner = \
                        (SELECT oid FROM pg_roles WHERE rolname = CURRENT_USER) \\gexec\n";

/// The commit that gives the database its name also flushes this one to disk.
fn begin(server: Version) -> String {
    format!("SET synchronous_commit = off;\nBEGIN;\n{LOADING}\n\\echo '{BEGUN}'\n{}", begun(server))
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
