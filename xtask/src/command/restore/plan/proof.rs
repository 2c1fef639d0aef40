//! What is checked in a dump on the way, and what psql does not get of it.

use super::stranger::OTHERS;
use crate::engine::postgres::client::version::sets_unknown;
use crate::facts::Surveyed;
use crate::facts::dumps::Dump;
use crate::plan::{Fence, Proof};
use crate::value::{Spare, Trust};

/// What to check in the dump on the way.
pub fn proof(target: &Surveyed, dump: &Dump, trust: Trust) -> Proof {
    let artifact = dump.artifact.as_ref();
    Proof {
        sum: artifact.map(|a| a.checksum.clone()),
        rows: artifact.map(|a| a.tables().to_vec()),
        leave_out: spared(target, dump, trust),
        without: dump.fit.without.clone(),
        otherwise: dump.fit.otherwise.clone(),
        trust,
        contents: None,
        expected_bytes: artifact.map(|a| a.plain_bytes),
    }
}

/// psql restricts itself to SQL, if it knows how.
pub(super) fn fence(target: &Surveyed, trust: Trust) -> Fence {
    if trust < Trust::Psql && target.server.client.knows_restrict() {
        Fence::Restricted
    } else {
        Fence::Open
    }
}

/// What psql does not get. A pair of `\restrict` in a dump would end ours, and without ours psql
/// does not need it.
fn spared(target: &Surveyed, dump: &Dump, trust: Trust) -> Vec<Spare> {
    let (server, client) = (target.server.version, target.server.client);
    let timeout = trust <= Trust::Repository && sets_unknown(dump.dumped_by, server);

    [
        (Spare::Transaction, trust < Trust::Psql),
        (Spare::Restrict, trust < Trust::Psql || !client.knows_restrict()),
        (Spare::TransactionTimeout, timeout),
        (Spare::Tablespace, target.server.shape.has_no_tablespaces()),
        (Spare::ByteOrderMark, true),
        (Spare::OwnDatabase, trust < Trust::Psql),
    ]
    .into_iter()
    .chain(OTHERS.map(|what| (what, dump.loader().is_some())))
    .chain(
        [Spare::Owner, Spare::Right, Spare::Extension, Spare::EventTrigger, Spare::Reference]
            .map(|what| (what, true)),
    )
    .filter_map(|(what, is)| is.then_some(what))
    .collect()
}
