//! The words of a plan: what each act does, and to what; derived from its argv, paths and SQL, never
//! written beside them.

use super::{Act, Deed, How, Old, Outcome, Pipe, Seal, Sink, Source};
use crate::bundle::ending;
use crate::bundle::notes::Pinned;
use crate::cmd::Cmd;
use crate::config::Form;
use crate::value::{Claim, Format, Spare};

/// The word for what an act does.
pub fn verb(act: &Act) -> &'static str {
    match act {
        Act::Pipe(_) => "pipe",
        Act::Create(_) => "create",
        Act::Rename(_) => "rename",
        Act::Remove(_) => "remove",
        Act::Write(d) if matches!(d.how, How::Hook(_)) => "run",
        Act::Write(_) => "write",
        Act::Check(_) => "check",
        Act::Wait(_) => "wait",
        Act::Seal(_) => "seal",
    }
}

/// What an act acts on.
pub fn object(act: &Act) -> String {
    match act {
        Act::Pipe(p) => pipe(p),
        Act::Create(d) | Act::Rename(d) | Act::Remove(d) | Act::Write(d) => deed(d),
        Act::Check(c) => c.what.clone(),
        Act::Wait(w) => format!("for {}, at most {} s", w.what, w.limit),
        Act::Seal(s) => seal(s),
    }
}

fn deed(deed: &Deed) -> String {
    match &deed.how {
        How::Folder(path) | How::File(path) => format!("{}: {}", deed.what, path.display()),
        How::Old(old) => format!("{}: {}", deed.what, old_backup(old)),
        How::Move(from, to) => format!("{}: {} -> {}", deed.what, from.display(), to.display()),
        How::Text(path, _) | How::Passwords(path, _) => {
            format!("{}: {}", deed.what, path.display())
        }
        How::Change(address, change) => format!("{}: {}", deed.what, address.change(change)),
        How::Latest(newest) => {
            let backup = newest.candidates.first().and_then(|sealed| sealed.backup.file_name());
            let backup = backup.unwrap_or_default().to_string_lossy();
            format!("{}: {} -> {backup}", deed.what, newest.path.display())
        }
        // a journal of an older version has all of it in one text
        How::Hook(hook) if hook.shown.is_empty() => deed.what.clone(),
        How::Hook(hook) => format!("{}: {}", deed.what, hook.shown),
        How::Command(_)
        | How::Unbroken(_)
        | How::Meanwhile(..)
        | How::Live(..)
        | How::Reload(_) => deed.what.clone(),
    }
}

/// A set is removed as a whole.
fn old_backup(old: &Old) -> String {
    let files = old.files.iter().chain([&old.manifest]);
    let listed = || files.map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ");
    old.folder.as_ref().map_or_else(listed, |folder| folder.display().to_string())
}

fn pipe(pipe: &Pipe) -> String {
    let from = match &pipe.from {
        Source::Command(cmd) => format!("`{}` of {}", program(cmd), pipe.store),
        Source::Dump(dumping) => format!("`{}` of {}", program(&dumping.dump), pipe.store),
        Source::File { path, coding } => format!("{} ({coding})", path.display()),
        Source::Sealed(path) => {
            return format!("{} (encrypted) -> verify (checksum)", path.display());
        }
        Source::Filtered { path, coding, through } => {
            format!("{} ({coding}), read by `{}`", path.display(), program(through))
        }
        Source::Store(address) => address.to_string(),
    };

    let to = match &pipe.to {
        Sink::File { path, compression, locking, .. } => {
            let level = compression.level().map_or(String::new(), |l| format!(" level {l}"));
            let age = if locking.is_some() { ", age" } else { "" };
            let codec = compression.codec();
            format!("{codec}{level}{age}, {}, {}", pipe.format.sum(), path.display())
        }
        Sink::Psql(load) if load.is_in_place() => {
            format!(
                "`{}`, in place of all that is in {}, in one transaction",
                program(&load.cmd),
                load.into
            )
        }
        Sink::Psql(load) => {
            format!("`{}`, into the new database {}", program(&load.cmd), load.into)
        }
        Sink::Stage(address) => format!("{address}, next to the live one"),
        Sink::Nowhere => "nowhere".into(),
    };

    format!("{from} -> verify ({}) -> {to}", proofs(pipe).join(", "))
}

/// What is checked of the bytes on their way, and what is left out.
fn proofs(pipe: &Pipe) -> Vec<&'static str> {
    let counted = match pipe.format {
        Format::Script => "count rows",
        Format::Tar => "digest every file",
        Format::Milvus => "count entities",
    };

    let proof = &pipe.proof;
    let loads = matches!(pipe.to, Sink::Psql(_));
    let without = |claim| loads && proof.without.claims.contains(claim);
    let keeps_back = |spare| proof.leave_out.contains(spare);

    let further = [
        (proof.sum.is_some(), "checksum"),
        (proof.rows.is_some(), "rows as in the manifest"),
        (proof.contents.is_some(), "all as in the manifest"),
        (without(&Claim::Owners), "leave owners out"),
        (without(&Claim::Rights), "leave rights out"),
        (keeps_back(&Spare::TransactionTimeout), "leave out transaction_timeout"),
        (keeps_back(&Spare::Handover), "keep owners, rights and comments back"),
    ];
    let further = further.into_iter().filter(|(is_so, _)| *is_so).map(|(_, what)| what);

    let stable = match &pipe.from {
        Source::Dump(dumping) => dumping.stable.as_ref(),
        _ => None,
    };
    let form = stable.filter(|stable| stable.form == Form::Stable).map(|_| "stable form");
    let sorted = stable.filter(|stable| !stable.order.meant.is_none());
    let sorted = sorted.map(|_| "sort rows by key");

    ["read to the end", counted].into_iter().chain(further).chain(form).chain(sorted).collect()
}

fn program(cmd: &Cmd) -> String {
    let named = |word: &String| {
        ["psql", "pg_dump", "pg_restore"]
            .iter()
            .find(|p| word.rsplit('/').next() == Some(p))
            .map(|p| (*p).to_owned())
    };

    named(&cmd.program)
        .or_else(|| cmd.args.iter().find_map(named))
        .unwrap_or_else(|| cmd.program.clone())
}

fn seal(seal: &Seal) -> String {
    match seal {
        Seal::Backup { manifest_path, names, mode, kept, .. } => {
            let to: Vec<String> = names.iter().map(|(_, to)| to.display().to_string()).collect();
            let mode = mode.told().map_or(String::new(), |mode| format!(", mode {mode}"));
            let kept = kept.as_ref().and_then(|kept| kept.backup.file_name());
            let kept = kept.map_or(String::new(), |name| {
                format!("; nothing if it is the same as {}", name.to_string_lossy())
            });
            if names.iter().any(|(_, to)| manifest_path.starts_with(to)) {
                format!("{}{mode}{kept}", to.join(", "))
            } else {
                format!("{}, {}{mode}{kept}", to.join(", "), manifest_path.display())
            }
        }
        Seal::Counted(counted) => format!("{}: record counts", counted.path.display()),
        Seal::Adopted { manifest_path, .. } => manifest_path.display().to_string(),
        Seal::Verified { manifest_path, how, outcome } => {
            let word = if *outcome == Outcome::Good { "passed" } else { "failed" };
            format!("{}: {how} verification: {word}", ending::notes(manifest_path).display())
        }
        Seal::Pinned { manifest_path, pin } => {
            let word = pin.as_ref().map_or("not pinned".into(), Pinned::to_string);
            format!("{}: {word}", ending::notes(manifest_path).display())
        }
    }
}
