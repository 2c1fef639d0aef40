//! `db-verify`: read a backup whole and prove it; `--deep` loads it into a scratch database, too.

use anyhow::Result;

use super::restore::{leftovers, load, may_create};
use crate::engine::postgres::admin;
use crate::engine::postgres::name::beside;
use crate::engine::store::Format;
use crate::facts::Surveyed;
use crate::facts::dumps::Dump;
use crate::plan::{Act, Outcome, Pipe, Plan, Proof, Risk, Scope, Seal, Sink, Step, Trust};

/// Plans a quick verification: checksum, whole read, end marker, rows per table.
pub fn quick(dumps: &[Dump]) -> Plan {
    let steps = dumps.iter().map(|dump| {
        let pipe = Pipe {
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
        };
        recorded(dump, "quick", vec![Step::Act(Act::Pipe(Box::new(pipe)))])
    });
    plan(dumps, steps.collect())
}

/// Plans a trial restore into a scratch database, which goes again in any case.
pub fn deep(target: &Surveyed, dump: &Dump) -> Result<Plan> {
    may_create(target)?;
    let scratch = beside(target.name(), "scratch");
    let mut body = leftovers(target, &[&scratch])?;
    body.push(Step::Scope(Scope {
        body: vec![Step::Act(load(target, dump, Trust::Dump, &scratch))],
        on_failure: vec![Act::Remove(crate::plan::Deed {
            what: "sessions of this run".into(),
            how: crate::plan::How::Command(target.client.end_sessions()),
        })],
        finally: vec![admin::drop(&target.client, &scratch)],
    }));
    Ok(plan(std::slice::from_ref(dump), vec![recorded(dump, "deep", body)]))
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
