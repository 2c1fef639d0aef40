//! How a database is dumped.

use std::path::Path;

use super::{All, Subject};
use crate::bundle::{Artifact, Catalog};
use crate::cmd::Cmd;
use crate::engine::postgres::client::{LargeObjects, snapshot};
use crate::facts::Surveyed;
use crate::facts::salvage::Damage;
use crate::plan::{Act, Dumping, Pipe, Proof, Sink, Source};
use crate::stream::Compression;
use crate::value::Trust;

pub(super) fn dump(
    subject: Subject<'_>,
    partial: &Path,
    compression: Compression,
    all: &All<'_>,
) -> Act {
    let last = last(all.catalog, subject);
    let from = match subject {
        Subject::Database(database) => {
            let cmd = match all.request.damage(subject.key()) {
                Some(damage) => without(database, damage),
                None => {
                    let args = all.request.backup.plain.args.iter();
                    database.dumper.dump_with(args.map(ToString::to_string))
                }
            };
            Source::Dump(Box::new(Dumping {
                stable: all.request.stable(subject.key()),
                ..dumping(database, cmd)
            }))
        }
        Subject::Store(store) => Source::Store(store.address.clone()),
    };

    Act::Pipe(Box::new(Pipe {
        store: subject.key().to_owned(),
        format: subject.format(),
        from,
        to: Sink::File {
            path: partial.to_path_buf(),
            compression,
            locking: all.locking.cloned(),
            about: last.map(|last| last.bytes),
        },
        // what pg_dump writes here is trusted: a statement missing from the allow-list must not
        // prevent a backup
        proof: Proof {
            expected_bytes: last.map(|last| last.plain_bytes),
            trust: Trust::Repository,
            ..Proof::default()
        },
    }))
}

/// In the server's own container pg_dump can't reach another server, and another session costs 90
/// ms there.
pub(super) fn dumping(database: &Surveyed, dump: Cmd) -> Dumping {
    let session = database
        .live()
        .filter(|_| !database.is_inside())
        .map(|live| snapshot::session(&database.client, live.oid));
    Dumping { dump, stable: None, session }
}

/// A dump without what can't be read.
pub(super) fn without(database: &Surveyed, damage: &Damage) -> Cmd {
    let patterns: Vec<String> = damage.unread.iter().map(|unread| unread.pattern.clone()).collect();
    let large =
        if damage.large_objects.is_some() { LargeObjects::LeftOut } else { LargeObjects::Taken };
    database.dumper.dump_without(&patterns, large)
}

/// The last good artifact: the size on disk, with indexes, says little about the next one's size.
pub(super) fn last<'a>(catalog: &'a Catalog, subject: Subject<'_>) -> Option<&'a Artifact> {
    let manifest = catalog.latest(&[subject.key()])?.manifest()?;
    manifest.artifacts.iter().find(|a| a.store == subject.key() && is_of(a, subject))
}

fn is_of(artifact: &Artifact, subject: Subject<'_>) -> bool {
    match subject {
        Subject::Database(d) => artifact.database() == Some(d.name()),
        Subject::Store(_) => artifact.format() == subject.format(),
    }
}
