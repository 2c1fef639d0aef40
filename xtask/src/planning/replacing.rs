//! How a new database takes the name of the live one, which is kept as `<db>__previous`; and the
//! way back.

use crate::engine::postgres::catalog::marks::{MarkFields, MovedAside};
use crate::engine::postgres::change::admin::{self, Swap, SwapBack};
use crate::engine::postgres::change::subscriptions;
use crate::engine::postgres::client::name::{beside, previous};
use crate::facts::Surveyed;
use crate::plan::Act;
use crate::value::DatabaseFacts;

/// What an earlier run kept of this database, which goes if the live one is kept.
pub fn older(target: &Surveyed) -> Option<&DatabaseFacts> {
    target.live().and(target.server.database(&previous(target.name())))
}

/// The replacement of one database by `<db>__staged`.
pub struct Replacing<'a> {
    target: &'a Surveyed,
    swap: Swap<'a>,
}

impl<'a> Replacing<'a> {
    /// The new database gets the owner, the rights and the settings of the live one; if there is
    /// none, those that a backup `brought`.
    pub fn of(target: &'a Surveyed, brought: Option<&'a DatabaseFacts>, aside: MovedAside) -> Self {
        let live = target.live();

        let swap = Swap {
            live: target.name(),
            incoming: beside(target.name(), "staged"),
            live_oid: live.map(|d| d.oid),
            older_oid: older(target).map(|d| d.oid),
            carries: live.or(brought).cloned(),
            own: MarkFields::of(live.or(brought)),
            kept: MarkFields::of(live),
            aside,
        };

        Self { target, swap }
    }

    /// Where the older database waits to be dropped.
    pub fn discarded(&self) -> String {
        self.swap.discard()
    }

    /// The swap itself.
    pub fn swap(&self) -> Act {
        admin::swap(&self.target.client, &self.swap)
    }

    /// Undoes it; what replaced nothing stays: it does no harm.
    pub fn back(&self) -> Option<Act> {
        let live = self.target.live()?;

        let back = SwapBack {
            live: self.swap.live,
            old_oid: live.oid,
            own: MarkFields::of(Some(live)),
            older_oid: self.swap.older_oid,
            aside: self.swap.aside.clone(),
        };

        Some(admin::swap_back(&self.target.client, &back))
    }

    /// What was moved aside is kept for an undo from then on.
    pub fn let_go(&self) -> Option<Act> {
        self.target.live()?;
        admin::let_go(&self.target.client, self.swap.live, &self.swap.aside)
    }

    /// Drops the older database, once the new one is live for good.
    pub fn drop_older(&self) -> Option<Act> {
        self.swap.older_oid.map(|_| admin::drop(&self.target.client, &self.discarded()))
    }
}

/// The end of the old live database: its subscriptions do not continue under its new name.
pub fn unsubscribed(target: &Surveyed) -> Option<Act> {
    let subscribes = !target.server.shape.subscriptions.is_empty();
    subscribes.then(|| subscriptions::disabled(&target.client, &previous(target.name())))
}
