//! What makes a dump, and a load, good.

use std::collections::BTreeMap;

use anyhow::Result;

use super::script::{Fault, Script, TableRows};
use crate::plan::Trust;
use crate::problem::Problem;

/// Stands before the counts in psql's answer to a load.
pub const COUNTS: &str = "-- db-tasks counts\n";

/// Stands behind them where they are wanted before COMMIT.
pub const COUNTED: &str = "-- db-tasks has counted\n";

/// What psql says when the transaction of a load has begun.
pub const BEGUN: &str = "-- db-tasks begins\n";

/// Whether a script is whole and safe to run.
pub fn whole(script: &Script, trust: Trust) -> Result<()> {
    let faults: Vec<Fault> = script.faults().into_iter().filter(|fault| trust == Trust::Dump || is_damage(fault)).collect();
    let Some(first) = faults.first() else { return Ok(()) };
    let problem =
        Problem::failed("the dump is not good").because(faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n"));
    Err(problem.cure(cure(first)).of_backup().into())
}

/// Faults that no trust in the script's author heals.
fn is_damage(fault: &Fault) -> bool {
    matches!(fault, Fault::Unterminated(_) | Fault::Nul { .. } | Fault::CrLf { .. })
}

fn cure(fault: &Fault) -> &'static str {
    match fault {
        Fault::Meta(_) | Fault::MoreMeta(_) => {
            "psql would run that line on this machine; look at it, and use `--trust` only for a script of your own"
        }
        Fault::CrLf { .. } => "it went through a terminal or a Windows editor (`docker exec -t` does this): make the dump anew",
        Fault::Unclear(_) => "look at that line, and use `--trust` only for a script of your own",
        _ => "it is cut off or changed: make it anew, or use another backup (`db-list`); `--trust` is for hand-written scripts",
    }
}

/// Whether two lists of rows per table agree.
pub fn same_rows(found: &[TableRows], wanted: &[TableRows]) -> Result<()> {
    let map = |list: &[TableRows]| list.iter().map(|t| (t.table.clone(), t.rows)).collect::<BTreeMap<_, _>>();
    let differences = differences(&map(wanted), &map(found));
    if differences.is_empty() {
        return Ok(());
    }
    Err(Problem::failed("the backup does not hold the rows that its manifest names")
        .because(differences.join("\n"))
        .cure("use another backup (`db-list`)")
        .of_backup()
        .into())
}

/// Whether the new database holds what the dump brought.
pub fn loaded(script: &Script, counts: &[(String, u64)]) -> Result<()> {
    let exact = script.tables.iter().filter(|t| t.exact && !t.partitioned);
    // a script of other hands may leave out the schema
    let name = |t: &TableRows| if t.table.contains('.') { t.table.clone() } else { format!("public.{}", t.table) };
    let wanted: BTreeMap<String, u64> = exact.map(|t| (name(t), t.rows)).collect();
    let found: BTreeMap<String, u64> = counts.iter().filter(|(table, _)| wanted.contains_key(table)).cloned().collect();
    let differences = differences(&wanted, &found);
    if differences.is_empty() {
        return Ok(());
    }
    Err(Problem::failed("the new database does not hold what the dump brought")
        .because(differences.join("\n"))
        .cure("use another backup (`db-list`); the live database was not touched")
        .of_backup()
        .into())
}

fn differences(wanted: &BTreeMap<String, u64>, found: &BTreeMap<String, u64>) -> Vec<String> {
    let tables: std::collections::BTreeSet<_> = wanted.keys().chain(found.keys()).collect();
    let rows = |n: Option<&u64>| n.map_or("no table".into(), |n| format!("{n} rows"));
    let differing = tables.into_iter().filter(|t| wanted.get(*t) != found.get(*t));
    differing.take(10).map(|t| format!("{t}: expected {}, found {}", rows(wanted.get(t)), rows(found.get(t)))).collect()
}

/// psql counts our own first lines, too: people look a line up in the dump.
pub fn at_line(error: anyhow::Error, own: u64) -> anyhow::Error {
    let Some(problem) = error.downcast_ref::<Problem>() else { return error };
    let mut problem = problem.clone();
    // psql ends with 3 when the script itself had an error (app-psql, Exit Status)
    if problem.tried.ends_with("exit code 3") && !problem.happened.iter().any(|line| is_of_the_server(line)) {
        problem = problem.of_backup();
    }
    for line in &mut problem.happened {
        if let Some((number, rest)) = numbered(line) {
            *line = format!("line {} of the dump: {rest}", number.saturating_sub(own));
        }
    }
    problem.into()
}

/// The lines of our own words are nobody's to look up.
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

/// What a server lacks, its role may not, or it has no room for: another one would take the same dump.
fn is_of_the_server(line: &str) -> bool {
    const SAID: [&str; 16] = [
        "No space left",
        "out of memory",
        "out of shared memory",
        "terminating connection",
        "server closed the connection",
        "canceling statement",
        "permission denied",
        "must be owner",
        "must be superuser",
        "must be member of role",
        "must be able to SET ROLE",
        "is not available",
        "extension control file",
        "could not access file",
        "invalid locale name",
        "unrecognized configuration parameter",
    ];
    let missing =
        line.ends_with("does not exist") && ["ERROR:  role ", "ERROR:  tablespace "].iter().any(|kind| line.contains(kind));
    missing || SAID.iter().any(|said| line.contains(said))
}

fn numbered(line: &str) -> Option<(u64, &str)> {
    let (number, rest) = line.strip_prefix("psql:<stdin>:")?.split_once(": ")?;
    Some((number.parse().ok()?, rest))
}
