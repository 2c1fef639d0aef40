//! How a client gets where it goes, and with which programs.

use std::path::PathBuf;

use super::super::programs::{self, Programs};
use super::super::whereabouts::several;
use crate::engine::postgres::catalog::facts::ServerFacts;
use crate::engine::postgres::client::Client;
use crate::engine::postgres::client::version::Version;
use crate::place::Place;

/// The way of a client: two that have the same one reach the same server.
pub(super) fn of(client: &Client) -> (Place, Option<String>) {
    (client.place.clone(), client.connection.port_inside.clone())
}

/// Of several hosts, what follows must go to the one that answered.
pub(super) fn towards_the_one_that_answered(client: &mut Client, server: &ServerFacts) {
    if let (true, Some(host)) = (several(&client.connection), &server.reached.host) {
        client.connection.host = Some(host.clone());
        client.connection.port = server.reached.port.clone();
    }
}

/// A psql of any version talks to the server; one that knows `\restrict` loads every dump.
pub(super) fn understand_every_dump(
    client: &mut Client,
    folders: &[Programs],
    server: &ServerFacts,
) {
    if let (Place::Host { programs }, Some(knowing)) = (&mut client.place, knows_restrict(folders))
        && !server.client.knows_restrict()
    {
        *programs = Some(knowing);
    }
}

fn knows_restrict(folders: &[Programs]) -> Option<PathBuf> {
    folders
        .iter()
        .find(|p| p.major.is_some_and(|m| Version(m * 10_000).knows_restrict()))
        .map(|p| p.folder.clone())
}

/// The client for pg_dump, and its major version: of the programs that fit the server best.
pub(super) fn dumper(
    client: &Client,
    folders: &[Programs],
    server: &ServerFacts,
) -> (Client, Option<u32>) {
    let (mut dumper, mut major) = (client.clone(), Some(server.client.major()));

    if let (Place::Host { programs }, Some(fitting)) =
        (&mut dumper.place, programs::fitting(folders, server.version))
    {
        let beside_psql = programs.as_ref() == Some(&fitting.folder);
        major = fitting.major.or(major.filter(|_| beside_psql));
        *programs = Some(fitting.folder.clone());
    }

    (dumper, major)
}
