//! One pass: source, checks, sink. Constant memory, whatever the size of the database.

mod sink;
mod source;

use std::time::Instant;

use anyhow::Result;

use self::sink::OpenSink;
use self::source::OpenSource;
use super::found::{Found, Held, Means, Progress, undamaged};
use super::store;
use crate::bundle::ending;
use crate::engine::postgres::client::failed_load;
use crate::engine::postgres::script::stable::Stable;
use crate::engine::postgres::script::{Scanner, Script, proof};
use crate::plan::{Pipe, Proof, Sink, Source};
use crate::problem::rolled_back;
use crate::stream::Sum;
use crate::value::{Format, Spare, Without};

/// Moves the bytes, and returns only if both ends succeeded and the checks passed.
pub fn pump(pipe: &Pipe, means: &mut Means<'_>) -> Result<Found> {
    if let Source::Sealed(path) = &pipe.from {
        return store::sum_up(pipe, path, means);
    }
    if pipe.format != Format::Script {
        return store::pump(pipe, means);
    }
    pump_script(pipe, means)
        .map_err(|e| failed_load::or_without(e, pipe.proof.otherwise.as_deref()))
}

fn pump_script(pipe: &Pipe, means: &mut Means<'_>) -> Result<Found> {
    let Means { secrets, interrupt, idle, now, progress } = means;
    let (started, begun) = (now(), Instant::now());
    let method = pipe.summed_by();
    let mut sink = OpenSink::open(&pipe.to, method, secrets, interrupt).map_err(rolled_back)?;
    let source = OpenSource::open(&pipe.from, method, secrets, interrupt, idle)
        .inspect_err(|_| sink.abort());
    let mut source = source.map_err(rolled_back)?;

    let mut tell = |scanner: &Scanner, bytes| {
        progress(&Progress {
            bytes,
            expected: pipe.proof.expected_bytes,
            rows: scanner.rows(),
            elapsed: begun.elapsed(),
        });
    };

    let flowed = flow(&mut source, &mut sink, pipe, &mut tell);
    let ended = flowed.and_then(|script| {
        let read = source.finish()?;
        judge(&script, &pipe.proof, read.as_ref())?;
        Ok((script, read))
    });

    let (script, read) = match ended {
        Ok(ended) => ended,
        Err(e) => {
            // a psql that died broke the pipe, and says why
            let died = sink.cause_of_death();
            let damaged =
                died.as_ref().and_then(|died| source.damage(&pipe.proof, interrupt, died));
            source.abort();
            // psql was not told to commit yet
            return Err(rolled_back(damaged.or(died).unwrap_or(e)));
        }
    };

    let (written, loaded) = sink.finish(&script, secrets, interrupt)?;
    let sum = written.or(read).unwrap_or_else(|| Sum::of(&[]));
    let (plain_bytes, held) = (script.bytes, Held::Script(Box::new(script)));

    Ok(Found { started, took: begun.elapsed(), sum, plain_bytes, held, loaded })
}

fn flow(
    source: &mut OpenSource,
    sink: &mut OpenSink,
    pipe: &Pipe,
    tell: &mut dyn FnMut(&Scanner, u64),
) -> Result<Script> {
    let proof = &pipe.proof;
    let by_loader = proof.leave_out.contains(&Spare::Handover);
    let scanner = if by_loader { Scanner::for_loader() } else { Scanner::new() };
    // what is only read is read to the end
    let without =
        if matches!(pipe.to, Sink::Psql(_)) { proof.without.clone() } else { Without::default() };
    let mut scanner = scanner.without(without);
    let mut stable = stable(pipe);

    let mut bytes = 0;
    let mut written = |chunk: &[u8]| {
        scanner.feed(chunk);
        sink.take(chunk, &mut scanner, proof)?;
        // without a psql there is nobody to tell
        drop(scanner.take_again());
        bytes += chunk.len() as u64;
        tell(&scanner, bytes);
        Ok(())
    };

    while let Some(chunk) = source.next()? {
        match &mut stable {
            Some(stable) => stable.take(&chunk, &mut written)?,
            None => written(&chunk)?,
        }
        source.give_back(chunk);
    }

    if let Some(stable) = &mut stable {
        stable.finish(&mut written)?;
    }
    sink.flush_held(proof, &mut scanner)?;

    match stable {
        Some(stable) => stable.checked(scanner.finish()),
        None => Ok(scanner.finish()),
    }
}

/// What brings a dump into its stable form. Rows that do not fit into memory are put next to it.
fn stable(pipe: &Pipe) -> Option<Stable> {
    let (Source::Dump(dumping), Sink::File { path, .. }) = (&pipe.from, &pipe.to) else {
        return None;
    };
    let spare = ending::partial(&path.with_extension("rows"));
    dumping.stable.as_ref().map(|stable| Stable::new(stable, &spare))
}

/// Whether the bytes match the manifest.
fn judge(script: &Script, wanted: &Proof, read: Option<&Sum>) -> Result<()> {
    undamaged(wanted, read)?;
    proof::whole(script, wanted.trust)?;
    wanted.rows.as_ref().map_or(Ok(()), |rows| proof::same_rows(&script.tables, rows))
}
