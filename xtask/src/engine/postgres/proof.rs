//! What makes a dump, and a load, good.

use std::collections::BTreeMap;

use anyhow::Result;

use super::script::{Fault, Other, Script};
use super::version::Version;
use crate::problem::{Fate, Problem};
use crate::value::{TableRows, Trust};

/// Comes before the counts in psql's answer to a load. A load adds its key to each of these marks:
/// no dump can print them.
pub const COUNTS: &str = "-- db-tasks counts";

/// Comes after them if they are wanted before COMMIT.
pub const COUNTED: &str = "-- db-tasks has counted";

/// What psql prints when the transaction of a load has begun.
pub const BEGUN: &str = "-- db-tasks begins";

/// The statements of a load, its marks with its key.
pub fn keyed(words: &str, key: &str) -> String {
    [BEGUN, COUNTS, COUNTED]
        .iter()
        .fold(words.to_owned(), |words, mark| words.replace(mark, &format!("{mark} {key}")))
}

/// The statements of a load with names as the dump writes them: rows are compared by name.
pub fn counted_as_dumped(words: &str, encoding: Option<&str>) -> String {
    let Some(encoding) = encoding.filter(|name| !["utf8", "unicode"].contains(name)) else {
        return words.to_owned();
    };
    let mark = format!("\\echo '{COUNTS}'\n");
    words.replace(&mark, &format!("SET client_encoding = {encoding};\n{mark}"))
}

/// What a server says if the transaction is not the one that the load began.
const ENDED: &str = "the dump ended the transaction that it was loaded in";

/// Keeps the id of the transaction that has begun.
/// <https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SNAPSHOT>
pub fn begun(server: Version) -> String {
    format!(
        "SELECT pg_catalog.{}()::pg_catalog.text AS db_tasks_began \\gset\n",
        transaction(server)
    )
}

/// The first statements after a dump: nothing that it set or created affects what follows, and the
/// transaction is still the original one, or the load has failed.
pub fn ended(server: Version) -> String {
    format!(
        "{SETTLED}RESET SESSION AUTHORIZATION;\nRESET ALL;\n{NEUTRAL}{PLAIN}{PATIENT}{}",
        still_ours(server)
    )
}

/// Sent between two pieces of a dump, whatever it has set or created so far: its settings count for
/// the next piece, too.
pub fn between(server: Version) -> String {
    format!("{}COMMIT;\nBEGIN;\n{}", still_ours(server), begun(server))
}

/// The transaction is still the original one, or the load has failed.
fn still_ours(server: Version) -> String {
    format!(
        "SELECT pg_catalog.{}()::pg_catalog.text OPERATOR(pg_catalog.=) :'db_tasks_began' AS \
         db_tasks_same \\gset\n\\if :db_tasks_same\n\\else\nDO $ended$ BEGIN\n  RAISE EXCEPTION \
         '{ENDED}';\nEND $ended$;\n\\endif\n",
        transaction(server)
    )
}

/// What a dump deferred until COMMIT happens now, with its own settings: a trigger after the count
/// would make it wrong.
const SETTLED: &str = "SET CONSTRAINTS ALL IMMEDIATE;\n";

/// Names in our statements are the system's own, whatever a dump has created.
pub const NEUTRAL: &str = "SET search_path = pg_catalog, pg_temp;\n";

/// Names are returned as they are stored, whatever the database's settings: they are compared with
/// those of a dump.
const PLAIN: &str = "SET quote_all_identifiers = off;\n";

/// No timeout of the role, the database or the server ends our work: set in the session, because a
/// pooler takes no options, and by name, because not every server knows all of them. Nor does a
/// read-only default. psql prints nothing.
pub const PATIENT: &str = "SET default_transaction_read_only = off;\nSELECT \
                           pg_catalog.count(pg_catalog.set_config(name, '0', false)) AS \
                           db_tasks_patient FROM pg_catalog.pg_settings WHERE name IN \
                           ('statement_timeout', 'lock_timeout', \
                           'idle_in_transaction_session_timeout', 'idle_session_timeout', \
                           'transaction_timeout') \\gset\n";

/// The same for a transaction that only holds something: no server terminates it for being idle.
pub const PATIENT_HOLD: &str = "SELECT count(set_config(name, '0', true)) AS db_tasks_patient \
                                FROM pg_settings WHERE name IN \
                                ('idle_in_transaction_session_timeout', 'idle_session_timeout', \
                                'transaction_timeout') \\gset\n";

/// The first statements of a load. Names are in UTF-8, whatever the server's encoding; the dump
/// sets its own. Strings are read as our reader begins to read them, whatever server, role,
/// database or `?options=` say: if a backslash escaped a quote, what our reader takes as a string
/// could hold statements.
pub const READ_ALIKE: &str = "SET client_encoding = UTF8;\nSET standard_conforming_strings = on;\n";

/// Held by the session that loads a dump; the one that helps with what follows waits for it.
pub const LOADING: &str = "SELECT pg_catalog.pg_advisory_lock(1684173683, 1);";

/// The end of [`LOADING`]: everything is committed.
pub const HAS_LOADED: &str =
    "SELECT pg_catalog.pg_advisory_unlock(1684173683, 1) AS db_tasks_let_go \\gset\n";

/// Waits for the end of [`LOADING`].
pub const LOADED: &str = LOADING;

/// Servers before 13 know it by another name.
fn transaction(server: Version) -> &'static str {
    if server.major() >= 13 { "pg_current_xact_id" } else { "txid_current" }
}

/// Whether a script is complete and safe to run.
pub fn whole(script: &Script, trust: Trust) -> Result<()> {
    good(script.faults(), trust)
}

/// Whether nothing is wrong that this trust does not allow.
pub fn good(faults: Vec<Fault>, trust: Trust) -> Result<()> {
    let faults: Vec<Fault> = faults.into_iter().filter(|fault| trust <= heals(fault)).collect();
    let Some(first) = faults.first() else { return Ok(()) };
    let strange = faults.iter().all(|fault| heals(fault) == Trust::Dump);
    // every line of it is strange: one message is enough
    let told = if *first == Fault::Other(Other::Cluster) { &faults[..1] } else { &faults[..] };

    let what = if strange {
        "the file has something that a dump of one database never has"
    } else {
        "the dump can't be used"
    };

    let problem = Problem::failed(what)
        .because(told.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n"))
        .cure(cure(first));
    // what is strange may still be complete
    Err(if strange { problem } else { problem.of_backup() }.into())
}

/// The highest trust level at which this is still a fault.
fn heals(fault: &Fault) -> Trust {
    match fault {
        Fault::Refused(_) | Fault::MoreRefused(_) | Fault::Other(_) => Trust::Dump,
        Fault::Meta(_) | Fault::MoreMeta(_) => Trust::Script,
        Fault::Unterminated(_) | Fault::Nul { .. } | Fault::CrLf { .. } => Trust::Psql,
        _ => Trust::Repository,
    }
}

fn cure(fault: &Fault) -> &'static str {
    match fault {
        Fault::Meta(_) | Fault::MoreMeta(_) => {
            "psql would run that line on this machine; read it, and use `--trust=psql` only for a \
             script of your own"
        }
        Fault::Other(Other::Cluster) => {
            "restore a server's roles and databases by psql into a new server of its own, and take \
             a dump of each database with `db-backup` or `pg_dump` there"
        }
        Fault::Other(Other::Databases) => {
            "make a dump of each database with `db-backup` or `pg_dump`: a restore creates the \
             database itself, and swaps it in once it is verified"
        }
        Fault::Refused(_) | Fault::MoreRefused(_) => {
            "read that line, and use `--trust` only for a file whose author you trust"
        }
        Fault::CrLf { .. } => {
            "it went through a terminal or a Windows editor (`docker exec -t` does this): make the \
             dump again"
        }
        Fault::Unclear(_) => "read that line, and use `--trust` only for a script of your own",
        _ => {
            "it is cut short or changed: make it again, or use another backup (`db-list`); \
             `--trust` is for hand-written scripts"
        }
    }
}

/// Whether two lists of rows per table agree.
pub fn same_rows(found: &[TableRows], wanted: &[TableRows]) -> Result<()> {
    let map = |list: &[TableRows]| {
        list.iter().map(|t| (t.table.clone(), t.rows)).collect::<BTreeMap<_, _>>()
    };
    let differences = differences(&map(wanted), &map(found));
    if differences.is_empty() {
        return Ok(());
    }

    Err(Problem::failed("the rows of the backup do not match its manifest")
        .because(differences.join("\n"))
        .cure("use another backup (`db-list`)")
        .of_backup()
        .into())
}

/// Whether the new database has what the dump brought.
pub fn loaded(script: &Script, counts: &[(String, u64)]) -> Result<()> {
    let exact = script.tables.iter().filter(|t| t.exact && !t.partitioned);
    // a hand-written script may leave out the schema
    let name = |t: &TableRows| {
        if t.table.contains('.') { t.table.clone() } else { format!("public.{}", t.table) }
    };
    let wanted: BTreeMap<String, u64> = exact.map(|t| (name(t), t.rows)).collect();
    let found: BTreeMap<String, u64> =
        counts.iter().filter(|(table, _)| wanted.contains_key(table)).cloned().collect();
    let differences = differences(&wanted, &found);

    if differences.is_empty() {
        return Ok(());
    }

    Err(Problem::failed("the new database does not match the dump")
        .because(differences.join("\n"))
        .cure("use another backup (`db-list`)")
        .of_backup()
        .into())
}

fn differences(wanted: &BTreeMap<String, u64>, found: &BTreeMap<String, u64>) -> Vec<String> {
    let tables: std::collections::BTreeSet<_> = wanted.keys().chain(found.keys()).collect();
    let rows = |n: Option<&u64>| n.map_or("no table".into(), |n| format!("{n} rows"));
    let differing = tables.into_iter().filter(|t| wanted.get(*t) != found.get(*t));
    differing
        .take(10)
        .map(|t| format!("{t}: expected {}, found {}", rows(wanted.get(t)), rows(found.get(t))))
        .collect()
}

/// psql also counts our own first lines, but people look up a line in the dump. An error in a
/// statement is not the backup's fault: its bytes are what pg_dump wrote, unless its checksum says
/// otherwise.
pub fn at_line(error: anyhow::Error, own: u64, told: &[u64]) -> anyhow::Error {
    let Some(problem) = error.downcast_ref::<Problem>() else { return error };
    let mut problem = problem.clone();
    for line in &mut problem.happened {
        if line.contains(ENDED) {
            *line = format!("{ENDED}: what came after would not have been part of it");
            problem.tried = "the load failed, and what it did before may be committed".into();
            (problem.fate, problem.ended) = (Fate::Cut, None);

            problem.cure = Some(
                "if it was loaded in place, the live data is changed: restore the backup that this \
                 run made first (`db-list`: the newest one); a staged database is removed \
                 automatically"
                    .into(),
            );
        } else if let Some((number, rest)) = numbered(line) {
            *line =
                format!("line {} of the dump: {rest}", of_dump(number.saturating_sub(own), told));
        }
    }

    // libpq shows the text of a query that is not a statement of the dump, but is in one of its
    // functions
    let within = problem.happened.iter().any(|line| line.trim_start().starts_with("QUERY: "));
    if let Some(cure) =
        of_load(problem.state.as_deref(), if within { At::Function } else { At::Statement })
    {
        problem.cure = Some(cure.into());
    }

    problem.into()
}

/// Where the server met an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// In a statement of the dump.
    Statement,
    /// In a function that a statement calls: of a generated column, a check, a materialized view or
    /// an index.
    Function,
}

/// What to do about an error that a statement of a dump met, by its SQLSTATE (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
fn of_load(state: Option<&str>, at: At) -> Option<&'static str> {
    match (state?, at) {
        ("42883", _) | ("42P01" | "42704" | "3F000", At::Function) => Some(
            "dumps are loaded with an empty `search_path`: a function that names something without \
             its schema needs `ALTER FUNCTION … SET search_path = public` in the database that was \
             dumped, and a new backup; if that database is gone, unpack the backup (`zstd -dc`), \
             write `public` into its line `set_config('search_path', '', false)`, and restore that \
             file (`--file`)",
        ),
        ("42P01" | "3F000", At::Statement) => Some(
            "the file refers to something it does not create: is it a dump of only the data \
             (`--data-only`), or of some tables or schemas? Make one of the whole database",
        ),
        // <https://www.postgresql.org/docs/current/ddl-constraints.html#DDL-CONSTRAINTS-CHECK-CONSTRAINTS>
        ("23514", _) => Some(
            "a check that reads other tables fails if their rows come later; PostgreSQL does not \
             support such checks: make it a foreign key, a trigger or `NOT VALID` in the database \
             that was dumped, and make a new backup; if that database is gone, unpack the backup \
             (`zstd -dc`), remove the check, and restore that file (`--file`)",
        ),
        _ => None,
    }
}

/// The dump's line, from psql's: before each of `told` psql has read an additional line.
fn of_dump(line: u64, told: &[u64]) -> u64 {
    line - told.iter().zip(0..).take_while(|(of, before)| *of + before < line).count() as u64
}

/// Nobody needs to look up the lines of our own statements.
pub fn without_lines(error: anyhow::Error) -> anyhow::Error {
    let Some(problem) = error.downcast_ref::<Problem>() else { return error };
    let mut problem = problem.clone();
    for line in &mut problem.happened {
        if let Some((_, rest)) = numbered(line) {
            *line = rest.to_owned();
        }
    }
    problem.into()
}

/// What a loader role may not do, the project's own role may.
pub fn by_a_loader(error: anyhow::Error) -> anyhow::Error {
    let Some(problem) = error.downcast_ref::<Problem>() else { return error };
    let role = "if you trust its author, `--trust=role` loads it as the project's own role";
    // insufficient_privilege (<https://www.postgresql.org/docs/current/errcodes-appendix.html>)
    let cure = match (problem.state.as_deref(), &problem.cure) {
        (Some("42501"), _) | (_, None) => {
            format!("the file needs more than a loader role may do: {role}")
        }
        (_, Some(cure)) => format!("{cure}; or, {role}"),
    };
    problem.clone().cure(cure).into()
}

/// What a role may not do, or what is missing, may be left out: above all if another role is
/// missing.
pub fn or_without(error: anyhow::Error, otherwise: Option<&str>) -> anyhow::Error {
    let (Some(problem), Some(otherwise)) = (error.downcast_ref::<Problem>(), otherwise) else {
        return error;
    };
    // undefined_object, insufficient_privilege
    if !matches!(problem.state.as_deref(), Some("42704" | "42501")) {
        return error;
    }

    let cure = problem.cure.as_ref().map_or(String::new(), |cure| format!("{cure}; or "));
    problem
        .clone()
        .cure(format!("{cure}leave out the owners and rights of other roles: {otherwise}"))
        .into()
}

fn numbered(line: &str) -> Option<(u64, &str)> {
    let (number, rest) = line.strip_prefix("psql:<stdin>:")?.split_once(": ")?;
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests;
