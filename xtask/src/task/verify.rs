//! `db-verify`: read a backup whole and prove it; `--deep` loads it into a scratch database, too.

use anyhow::Result;

use super::restore::{end_sessions, leftovers, load, may_create};
use crate::engine::postgres::admin;
use crate::engine::postgres::name::beside;
use crate::engine::store::Format;
use crate::facts::Surveyed;
use crate::facts::dumps::Dump;
use crate::plan::{Act, Outcome, Pipe, Plan, Proof, Risk, Scope, Seal, Sink, Step, Trust};

/// Plans a quick verification: checksum, whole read, end marker, rows per table.
pub fn quick(dumps: &[Dump]) -> Plan {
    let steps = dumps.iter().map(|dump| recorded(dump, "quick", vec![Step::Act(read(dump))]));
    plan(dumps, steps.collect())
}

/// Plans a trial restore of each database into a scratch one, which goes again in any case. What else is in the backup is read whole:
/// a store's artifact has the digests of all that is in it.
pub fn deep(databases: &[(Surveyed, Dump)], stores: &[Dump]) -> Result<Plan> {
    let mut body: Vec<Step> = stores.iter().map(|dump| Step::Act(read(dump))).collect();
    for (target, dump) in databases {
        body.extend(trial(target, dump)?);
    }
    let dumps: Vec<Dump> = databases.iter().map(|(_, dump)| dump).chain(stores).cloned().collect();
    let steps = dumps.first().map(|first| recorded(first, "deep", body)).into_iter().collect();
    Ok(plan(&dumps, steps))
}

fn read(dump: &Dump) -> Act {
    Act::Pipe(Box::new(Pipe {
        store: store(dump),
        format: dump.artifact.as_ref().map_or(Format::Script, |a| a.format()),
        from: dump.source.clone(),
        to: Sink::Nowhere,
        proof: Proof {
            sha256: dump.artifact.as_ref().map(|a| a.sha256.clone()),
            rows: dump.artifact.as_ref().map(|a| a.tables.clone()),
            contents: dump.artifact.as_ref().and_then(|a| a.contents.clone()),
            expected_bytes: dump.artifact.as_ref().map(|a| a.plain_bytes),
            ..Proof::default()
        },
    }))
}

fn trial(target: &Surveyed, dump: &Dump) -> Result<Vec<Step>> {
    may_create(target)?;
    let scratch = beside(target.name(), "scratch");
    let mut steps = leftovers(target, &[&scratch])?;
    steps.push(Step::Scope(Scope {
        body: vec![Step::Act(load(target, dump, Trust::Dump, &scratch))],
        on_failure: vec![end_sessions(target)],
        finally: vec![admin::drop(&target.client, &scratch)],
    }));
    Ok(steps)
}

fn store(dump: &Dump) -> String {
    dump.artifact.as_ref().map_or_else(|| dump.backup.name.clone(), |a| a.store.clone())
}

/// What came of it is written into the manifest; a foreign file has none. The good word is outside of the scope that writes the
/// bad one: a disk that is too full to write it makes no backup bad.
fn recorded(dump: &Dump, how: &'static str, body: Vec<Step>) -> Step {
    let seal = |outcome| {
        let manifest_path = dump.backup.manifest_path.clone()?;
        Some(Act::Seal(Box::new(Seal::Verified { manifest_path, how, outcome })))
    };
    let proof = Scope { body, on_failure: seal(Outcome::Bad).into_iter().collect(), finally: Vec::new() };
    let body = [Step::Scope(proof)].into_iter().chain(seal(Outcome::Good).map(Step::Act)).collect();
    Step::Scope(Scope { body, on_failure: Vec::new(), finally: Vec::new() })
}

fn plan(dumps: &[Dump], steps: Vec<Step>) -> Plan {
    let names: Vec<String> =
        dumps.iter().map(|d| d.file().file_name().unwrap_or_default().to_string_lossy().into_owned()).collect();
    let backup = dumps.first().map(|d| d.backup.path.clone());
    Plan { steps, backup, ..Plan::bare("db-verify", format!("verify {}", names.join(", ")), Risk::Nothing) }
}
