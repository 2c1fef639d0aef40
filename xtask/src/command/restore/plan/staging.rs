//! A dump into a new database next to the live one.

use super::proof::{fence, proof};
use crate::engine::postgres::change::admin;
use crate::engine::postgres::change::identity::Identity;
use crate::engine::postgres::change::loader::Loader;
use crate::engine::postgres::change::staged::{by_loader, own};
use crate::facts::Surveyed;
use crate::facts::dumps::Dump;
use crate::plan::{Act, By, Load, Pipe, Sink, Step};
use crate::planning::sessions::end_sessions;
use crate::value::{Format, Trust};

/// How a new database is made.
pub struct Staging {
    /// Makes it.
    pub steps: Vec<Step>,
    /// Done in any case, once it is swapped in or removed.
    pub finally: Vec<Act>,
}

/// What a new database is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It stays.
    Kept,
    /// It is removed again.
    Scratch,
}

/// The dump into a new database of this name, with all its checks. An untrusted one is loaded by a
/// loader role, if there can be one.
pub fn stage(target: &Surveyed, dump: &Dump, trust: Trust, name: &str, purpose: Use) -> Staging {
    let client = &target.client;
    let recorded = dump.database();
    let identity = Identity { name: target.name(), oid: target.live().map(|d| d.oid) };
    let mut like = recorded.or(target.live()).cloned();

    if let Some(like) = like.as_mut().filter(|like| target.server.shape.lacks(&like.tablespace)) {
        like.tablespace.clear();
    }

    let creation = admin::creation(client, name, like.as_ref(), target.server.version, &identity);
    let Some(loader) = dump.loader() else {
        let load = own(client, name, &creation, fence(target, trust), target.server.version);
        return Staging {
            steps: vec![Step::Act(pipe(target, dump, trust, load))],
            finally: Vec::new(),
        };
    };

    Staging {
        steps: contained(target, dump, loader, trust, (name, &creation), purpose),
        finally: vec![loader.remove(client)],
    }
}

/// The dump into a new database by a loader role.
pub fn contained(
    target: &Surveyed,
    dump: &Dump,
    loader: &Loader,
    trust: Trust,
    (name, creation): (&str, &str),
    purpose: Use,
) -> Vec<Step> {
    let (client, server) = (&target.client, target.server.version);
    let load = by_loader(client, name, loader, fence(target, trust), server);
    let handover = (purpose == Use::Kept).then(|| loader.handover(client, name, server));
    let load = Load { by: By::Loader(handover), ..load };

    let acts = [
        loader.create(client),
        loader.ready(client, name, creation),
        pipe(target, dump, trust, load),
    ];
    acts.map(Step::Act).into()
}

fn pipe(target: &Surveyed, dump: &Dump, trust: Trust, load: Load) -> Act {
    Act::Pipe(Box::new(Pipe {
        store: target.spec.key.clone(),
        format: Format::Script,
        from: dump.source.clone(),
        to: Sink::Psql(Box::new(load)),
        proof: proof(target, dump, trust),
    }))
}

/// Takes a staged database away.
pub fn unstage(target: &Surveyed, name: &str) -> Vec<Act> {
    vec![end_sessions(target), admin::drop(&target.client, name)]
}
