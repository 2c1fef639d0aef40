//! The ratchet, once a dump is read: what it holds too little of, and what is noted.

use std::collections::BTreeMap;

use anyhow::Result;
use chrono::{DateTime, Utc};

use super::audit::who_and_where;
use super::found::{Found, Held};
use crate::bundle::ending::partial;
use crate::bundle::ratchet::{Demand, Judgement, Shrunk};
use crate::disk;
use crate::plan::Counted;
use crate::problem::{Code, Exit, Problem};
use crate::tasks;
use crate::value::TableRows;

/// How many tables are told.
const TOLD: usize = 10;

/// What some dumps hold too little of.
pub(super) fn shrunk(demands: &[Demand], found: &BTreeMap<String, Found>) -> Vec<Shrunk> {
    demands.iter().flat_map(|demand| demand.judge(tables(demand, found)).shrunk).collect()
}

/// Notes the counts of sealed backups, and returns what to tell. A file that can't be written makes
/// no backup worse.
///
/// # Errors
/// One of them is shrunken: nothing is noted.
pub(super) fn note(
    counted: &Counted,
    found: &BTreeMap<String, Found>,
    now: DateTime<Utc>,
) -> Result<Vec<String>> {
    let judged: Vec<(&Demand, Judgement)> =
        counted.demands.iter().map(|d| (d, d.judge(tables(d, found)))).collect();
    if judged.iter().any(|(_, judgement)| !judgement.shrunk.is_empty()) {
        return Err(too_few(&judged).into());
    }

    let remarks = judged.iter().flat_map(|(_, judgement)| judgement.remarks.clone());
    let mut told = some_of(remarks.collect());
    told.extend(unknown(&counted.demands, found));

    let file = judged
        .into_iter()
        .fold(counted.file.clone(), |file, (demand, judged)| file.with(&demand.slot, judged.next))
        .updated(format!("{} ({})", tasks::BACKUP.name, who_and_where()), now);
    let path = &counted.path;
    let written = disk::replace_with_its_rights(path, &partial(path), file.to_json().as_bytes());
    told.extend(written.err().map(|e| {
        let why = Problem::of(e);
        let why = why.happened.first().unwrap_or(&why.tried);
        format!(
            "warning: the record counts could not be noted in `{}`: {why}; the backup is good, and \
             the next one is compared with the old counts",
            path.display()
        )
    }));

    Ok(told)
}

fn tables<'a>(demand: &Demand, found: &'a BTreeMap<String, Found>) -> &'a [TableRows] {
    match found.get(&demand.key).map(|found| &found.held) {
        Some(Held::Script(script)) => &script.tables,
        _ => &[],
    }
}

/// Names in the list that no database has a table for: they guard nothing.
fn unknown(demands: &[Demand], found: &BTreeMap<String, Found>) -> Option<String> {
    let each = demands.iter().map(|demand| demand.unknown(tables(demand, found)));
    let nowhere = each.reduce(|all, more| all.into_iter().filter(|n| more.contains(n)).collect());
    let names: Vec<String> = nowhere?.iter().map(|name| format!("`{name}`")).collect();
    (!names.is_empty()).then(|| {
        format!(
            "warning: `guards.ratchet.tables` lists {}, and no database here has such a table",
            names.join(", ")
        )
    })
}

fn too_few(judged: &[(&Demand, Judgement)]) -> Problem {
    let lacking = || judged.iter().filter(|(_, judgement)| !judgement.shrunk.is_empty());
    let names: Vec<String> = lacking().map(|(d, _)| format!("`{}`", d.name)).collect();
    let verb = if names.len() == 1 { "holds" } else { "hold" };
    let mut files: Vec<String> = lacking()
        .map(|(demand, _)| {
            format!("`{}`", demand.aside.file_name().unwrap_or_default().to_string_lossy())
        })
        .collect();
    files.dedup();

    let whys = lacking().flat_map(|(_, judgement)| {
        let shrunk = judgement.shrunk.iter().map(|shrunk| shrunk.why.clone());
        shrunk.chain(judgement.remarks.clone()).collect::<Vec<_>>()
    });
    let tried = format!("{} {verb} fewer records than the ratchet wants", names.join(", "));
    let stands = format!(
        "the live data was only read; the backup is whole, and kept as {}: `--latest` and the keep \
         rules pass over it, and its name restores it; older backups and the recorded counts are \
         as they were",
        files.join(", ")
    );

    let problem = Problem::new(Exit::Shrunken, tried).code(Code::Shrunken);
    let problem = Problem { stands: Some(stands.into()), ..problem };
    problem.because(some_of(whys.collect()).join("\n")).cure(
        "find out where the rows went; `db-restore --latest` brings back the last good backup; if \
         it is right that there are fewer, `db-backup --accept-shrink` takes these counts",
    )
}

fn some_of(mut lines: Vec<String>) -> Vec<String> {
    let more = lines.len().saturating_sub(TOLD);
    if more > 0 {
        lines.truncate(TOLD);
        lines.push(format!("… and {more} more"));
    }
    lines
}
