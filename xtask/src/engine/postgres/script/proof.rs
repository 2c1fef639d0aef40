//! What makes a dump, and a load of it, good.

use std::collections::BTreeMap;

use anyhow::Result;

use super::{Fault, Other, Script};
use crate::problem::{Code, Problem};
use crate::value::{TableRows, Trust};

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
        .code(Code::BackupDamaged)
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
        .code(Code::BackupDamaged)
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
