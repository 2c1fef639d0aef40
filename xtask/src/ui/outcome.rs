//! An act as it is reported when it is done: its outcome, in the reader's words. A dry run shows
//! the same act with its commands.

use std::path::Path;

use super::describe;
use crate::bundle::ending;
use crate::human;
use crate::plan::{Act, Count, Deed, How, Pipe, Seal, Sink, Source};
use crate::run::{Found, Held};
use crate::value::tree::What;

/// What is going on.
pub fn doing(act: &Act, here: &Path) -> String {
    match act {
        Act::Pipe(pipe) => format!("{} {}", verb(pipe), object(pipe, here)),
        other => sentence(other, here),
    }
}

/// What was done.
pub fn done(act: &Act, found: Option<&Found>, here: &Path) -> String {
    match (act, found) {
        (Act::Pipe(pipe), Some(found)) => {
            format!("{} {}: {}", verb(pipe), object(pipe, here), outcome(pipe, found))
        }
        (other, _) => sentence(other, here),
    }
}

fn sentence(act: &Act, here: &Path) -> String {
    match act {
        Act::Seal(seal) => sealed(seal, here),
        Act::Create(Deed { what, how: How::Folder(path) }) => {
            format!("create {what} {}", short(path, here))
        }
        Act::Remove(Deed { what, how: How::Folder(path) | How::File(path) }) => {
            format!("remove {} ({what})", short(path, here))
        }
        Act::Remove(Deed { what, how: How::Old(old) }) => {
            format!("remove {} ({what})", short(old.shown(), here))
        }
        Act::Write(Deed { what, how: How::Latest(newest) }) => {
            format!("{what} in {}", short(&newest.path, here))
        }
        // the text itself says what is done
        Act::Write(deed) if !matches!(deed.how, How::Hook(_)) => deed.what.clone(),
        other => describe::act(other).split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

fn verb(pipe: &Pipe) -> &'static str {
    match (&pipe.from, &pipe.to) {
        (_, Sink::File { .. }) => "dump",
        (_, Sink::Psql(_) | Sink::Stage(_)) => "load",
        (_, Sink::Nowhere) => "read",
    }
}

fn object(pipe: &Pipe, here: &Path) -> String {
    match (&pipe.from, &pipe.to) {
        (Source::File { path, .. } | Source::Filtered { path, .. } | Source::Sealed(path), _) => {
            short(path, here)
        }
        _ => pipe.store.clone(),
    }
}

fn outcome(pipe: &Pipe, found: &Found) -> String {
    let holds = match &found.held {
        Held::Script(script) => {
            let rows: u64 = script.tables.iter().map(|t| t.rows).sum();
            format!(
                "{} in {}",
                human::counted(rows, "row"),
                human::counted(script.tables.len() as u64, "table")
            )
        }
        Held::Contents(contents) => human::holds(contents),
        Held::Sealed => "its checksum fits".into(),
    };

    let changed = match &found.held {
        Held::Contents(contents) if !contents.changed().is_empty() => {
            format!(", PARTIAL, because it changed meanwhile: {}", contents.changed().join(", "))
        }
        _ => String::new(),
    };

    match &pipe.to {
        Sink::File { .. } => {
            format!(
                "{holds}, {} as {}, verified{changed}",
                human::bytes(found.plain_bytes),
                human::bytes(found.sum.bytes)
            )
        }
        Sink::Psql(load) => match load.count {
            Count::Shared(_) => {
                format!("{holds}, counted again in the new database{}", not_taken(found))
            }
            Count::First(_) => {
                format!("{holds}, counted again before the COMMIT{}", not_taken(found))
            }
            Count::Not => holds,
        },
        Sink::Stage(_) => format!("{holds}, read again there{}", left_out(&found.held)),
        Sink::Nowhere => format!("{holds}, {}, complete", human::bytes(found.plain_bytes)),
    }
}

/// Rows of the dump that the database lacks: `ON CONFLICT DO NOTHING` skips one that is already
/// there.
fn not_taken(found: &Found) -> String {
    let Held::Script(script) = &found.held else { return String::new() };
    let counted = |table: &str| {
        found.loaded.counts.iter().find(|(name, _)| name == table).map(|(_, rows)| *rows)
    };
    let may_differ = script.tables.iter().filter(|t| !t.exact && !t.partitioned);
    let missing = may_differ.filter_map(|t| Some(t.rows.saturating_sub(counted(&t.table)?))).sum();

    match missing {
        0 => String::new(),
        1.. => format!(
            "; the database skipped {} of them (ON CONFLICT DO NOTHING)",
            human::counted(missing, "row")
        ),
    }
}

/// The rights in an archive that were not restored.
fn left_out(held: &Held) -> String {
    let Held::Contents(contents) = held else { return String::new() };
    let count =
        |what| contents.remarks().iter().filter(|remark| remark.what == what).count() as u64;
    let [bits, owners, ours, attributes] =
        [What::SetIdLeft, What::OwnerLeft, What::OwnerOurs, What::AttributesLeft].map(count);
    let bits = (bits > 0).then(|| {
        format!("; {} without set-id bits (`--trust` keeps them)", human::counted(bits, "file"))
    });
    let way = "`keep-rights = true` in the store, or `--trust`, keeps them";

    let owners = (owners > 0).then(|| {
        format!("; owners of {} are those of the live tree ({way})", human::entries(owners))
    });
    let ours =
        (ours > 0).then(|| format!("; {} yours: only root can restore their owners", are(ours)));

    let attributes = (attributes > 0).then(|| {
        format!(
            "; {} without all of their ACLs, capabilities and attributes (`--trust` as root keeps \
             what it can)",
            human::entries(attributes)
        )
    });
    bits.into_iter().chain(owners).chain(ours).chain(attributes).collect()
}

fn are(entries: u64) -> String {
    format!("{} {}", human::entries(entries), if entries == 1 { "is" } else { "are" })
}

fn sealed(seal: &Seal, here: &Path) -> String {
    match seal {
        Seal::Backup { names, .. } => {
            let names: Vec<String> = names.iter().map(|(_, to)| short(to, here)).collect();
            format!("seal {}", names.join(", "))
        }
        Seal::Counted(counted) => {
            format!("compare record counts, and note them in {}", short(&counted.path, here))
        }
        Seal::Adopted { manifest_path, .. } => format!("write {}", short(manifest_path, here)),
        Seal::Verified { manifest_path, how, .. } => {
            format!("note the {how} verification in {}", short(&ending::notes(manifest_path), here))
        }
        Seal::Pinned { manifest_path, pin } => {
            let what = if pin.is_some() { "the pin" } else { "that it is not pinned" };
            format!("note {what} in {}", short(&ending::notes(manifest_path), here))
        }
    }
}

/// A path, as short as possible from a folder.
pub fn short(path: &Path, here: &Path) -> String {
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}
