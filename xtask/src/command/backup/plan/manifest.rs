//! What is known of a backup before it is made.

use std::path::Path;

use super::names::Paths;
use super::{All, Subject};
use crate::bundle::manifest::{
    Artifact, FORMAT, Holds, Manifest, Milvus, Missing, Noted, Postgresql, format_of,
};
use crate::planning::marked::half_made;
use crate::stream::{Compression, Encryption};
use crate::value::tree::Roll;
use crate::value::{Collections, Format};

/// Its manifest, without what the dump will tell.
pub(super) fn manifest(all: &All<'_>, group: &[Subject<'_>], paths: &Paths) -> Manifest {
    let All { project, request, moment, compression, .. } = *all;
    let missing = missing(all, group);
    let args: Vec<String> = request.backup.plain.args.iter().map(ToString::to_string).collect();
    let encryption = all.locking.map(|locking| Encryption::from(&locking.lock));
    let artifacts: Vec<Artifact> = group
        .iter()
        .zip(&paths.artifacts)
        .map(|(subject, path)| artifact(*subject, path, compression, &args))
        .map(|artifact| Artifact { encryption: encryption.clone(), ..artifact })
        .collect();

    Manifest {
        format: artifacts.first().map_or(FORMAT, format_of),
        tool: format!("db-tasks {}", env!("CARGO_PKG_VERSION")),
        created: moment.now,
        reason: request.reason,
        label: request.label.clone(),
        project: project.name.clone(),
        project_named: project.named,
        environment: project.environment.clone(),
        host: None,
        audit: None,
        partial: !missing.is_empty(),
        missing,
        shrunken: Vec::new(),
        artifacts,
        verified: Vec::new(),
        untried: None,
        pinned: None,
        digest: None,
        noted: Noted::Nothing,
    }
}

/// Why it does not count as a good one, if it does not.
fn missing(all: &All<'_>, group: &[Subject<'_>]) -> Vec<Missing> {
    let request = all.request;
    let damaged = group.iter().flat_map(|subject| request.missing(subject.key()));

    // the old data of a database that is half made is in another backup, which no rule may remove
    // because of this one. What a restore backs up first is followed by complete data
    let half = group.iter().filter_map(|subject| match subject {
        Subject::Database(database) if !request.reason.is_safety() => {
            half_made(database).map(|why| Missing { store: subject.key().into(), why, table: None })
        }
        _ => None,
    });

    let databases = group.iter().filter(|subject| matches!(subject, Subject::Database(_)));
    let left_out = databases.flat_map(|subject| request.left_out(subject.key()));

    all.missing.iter().cloned().chain(damaged).chain(half).chain(left_out).collect()
}

fn artifact(
    subject: Subject<'_>,
    path: &Path,
    compression: Compression,
    args: &[String],
) -> Artifact {
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Artifact::begun(subject.key().to_owned(), file, compression.codec(), holds(subject, args))
}

/// What is known before the dump.
fn holds(subject: Subject<'_>, args: &[String]) -> Holds {
    match subject {
        Subject::Database(d) => Holds::Postgresql(Box::new(Postgresql {
            database: d.live().cloned().unwrap_or_default(),
            server_version: d.server.version_text.clone(),
            extensions: d.server.extensions.clone(),
            dump_args: args.to_vec(),
            ..Postgresql::default()
        })),
        Subject::Store(s) => match s.address.format() {
            Format::Milvus => Holds::Milvus(Milvus {
                server_version: s.held.version.clone().unwrap_or_default(),
                held: Collections::default(),
            }),
            Format::Tar | Format::Script => Holds::Tree(Roll::default()),
        },
    }
}
