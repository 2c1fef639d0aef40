//! The swap of two databases' names, and the way back.

use super::super::command::{command, live};
use super::super::identity::{Identity, oid_of};
use super::super::marking::{aside_otherwise, mark, marking, unmark, unmarking};
use super::super::statements::{carry, indented, renaming};
use crate::engine::postgres::catalog::marks::{MarkFields, MovedAside, is_gone_back_to};
use crate::engine::postgres::client::name::{beside, block, ident, literal, parked, previous};
use crate::engine::postgres::client::session::DURABLE;
use crate::engine::postgres::client::{Client, GREETING, TELLS, sql};
use crate::plan::{Act, Deed};
use crate::value::DatabaseFacts;

/// The names of one swap.
#[derive(Debug, Clone)]
pub struct Swap<'a> {
    /// The live name.
    pub live: &'a str,
    /// The database that takes it.
    pub incoming: String,
    /// The oid that the live database must still have; `None` if there is none.
    pub live_oid: Option<u32>,
    /// The oid of an older `<db>__previous` that must be replaced, if there is one.
    pub older_oid: Option<u32>,
    /// Owner, rights and settings for the new live database, if it does not have them already.
    pub carries: Option<DatabaseFacts>,
    /// What the new live database has in the places of our marks.
    pub own: MarkFields<'a>,
    /// What the replaced one has there.
    pub kept: MarkFields<'a>,
    /// How that is moved aside: whether the run may still need it.
    pub aside: MovedAside,
}

impl Swap<'_> {
    /// Where an older `<db>__previous` waits to be dropped.
    pub fn discard(&self) -> String {
        beside(self.live, "discard")
    }

    fn renames(&self) -> Vec<(String, String)> {
        let kept = previous(self.live);
        let mut renames = Vec::new();

        if self.incoming == kept && self.live_oid.is_some() {
            let parked = parked(self.live);
            return vec![
                (self.live.into(), parked.clone()),
                (kept.clone(), self.live.into()),
                (parked, kept),
            ];
        }

        if self.live_oid.is_some() {
            if self.older_oid.is_some() {
                renames.push((kept.clone(), self.discard()));
            }
            renames.push((self.live.into(), kept));
        }

        renames.push((self.incoming.clone(), self.live.into()));
        renames
    }
}

/// Gives `incoming` the live name, the owner, the rights and the settings, and keeps the live
/// database as `<db>__previous`, all in one transaction.
///
/// A rename takes the database's exclusive lock first and then waits up to five seconds for its
/// sessions to end (`CountOtherDBBackends`). New connections queue behind that lock, so a second
/// psql that terminates the old sessions while the rename waits wins even against a pool that
/// reconnects at once. Nothing must be switched off beforehand (`ALLOW_CONNECTIONS false`), so a
/// killed run can't leave a database that nobody can connect to.
pub fn swap(client: &Client, swap: &Swap<'_>) -> Act {
    let renames = swap.renames();
    let mut sql = format!(
        "{DURABLE}SET lock_timeout = '15s';\nBEGIN;\n{GREETING}{}",
        Identity { name: swap.live, oid: swap.live_oid }.assertion(client)
    );
    for (from, to) in &renames {
        sql.push_str(&format!("{};\n", renaming(from, to)));
    }

    sql.push_str(&unmark(swap.live, swap.own));
    if swap.live_oid.is_some() {
        sql.push_str(&mark(&previous(swap.live), swap.kept, &swap.aside));
    }
    if swap.older_oid.is_some() && swap.aside != MovedAside::Kept {
        sql.push_str(&aside_otherwise(&[&swap.discard()], &MovedAside::Kept, &swap.aside));
    }

    sql.push_str(&swap.carries.as_ref().map_or(String::new(), |from| carry(swap.live, from)));
    sql.push_str("COMMIT;\n");

    let what =
        renames.iter().map(|(from, to)| format!("{from} -> {to}")).collect::<Vec<_>>().join(", ");
    let before = swap.live_oid.map_or("NULL".into(), |oid| oid.to_string());
    let names = [swap.live, &previous(swap.live), &swap.incoming].map(literal).join(", ");
    let done = format!("{} IS DISTINCT FROM {before}", oid_of(swap.live));

    behind_the_lock(client, what, sql, &make_way(&names, &done, &client.app_name))
}

/// Renames that wait for a lock, and a second psql that clears the way for them.
pub(super) fn behind_the_lock(client: &Client, what: String, sql: String, way: &str) -> Act {
    let other = Client { app_name: format!("{}/swap", client.app_name), ..client.clone() };
    let meanwhile = other.psql(client.maintenance(), way);
    let how = live(client.psql(client.maintenance(), sql), Some(meanwhile));
    Act::Rename(Deed { what: format!("databases {what}"), how })
}

/// How to undo a swap if what follows it fails: the old database gets its name back, and what has
/// that name by then, created by us or again by a migrator, is kept as `<db>__failed`. It does
/// nothing if the old one already has its name, so it may run twice, or late.
#[derive(Debug, Clone)]
pub struct SwapBack<'a> {
    /// The live name.
    pub live: &'a str,
    /// The oid of the database that had it.
    pub old_oid: u32,
    /// What it has in the places of our marks.
    pub own: MarkFields<'a>,
    /// The oid of the older `<db>__previous` that was replaced, if there was one.
    pub older_oid: Option<u32>,
    /// How both were moved aside.
    pub aside: MovedAside,
}

/// Gives the old database its name back.
pub fn swap_back(client: &Client, back: &SwapBack<'_>) -> Act {
    let (kept, failed, old) = (previous(back.live), failed(back.live), back.old_oid);
    let due =
        format!("{} = {old} AND {}", oid_of(&kept), is_gone_back_to(&old.to_string(), &back.aside));
    let body = going_back(back, &due);

    let kept_again = if back.older_oid.is_some() {
        aside_otherwise(&[&kept], &back.aside, &MovedAside::Kept)
    } else {
        String::new()
    };

    let others = format!(
        "{TELLS}`{}` stays as it is: somebody undid or replaced what this run did there",
        back.live
    );
    let told = format!(
        "SELECT {} WHERE {} IS DISTINCT FROM {old};\n",
        literal(&others),
        oid_of(back.live)
    );

    let sql =
        format!("{DURABLE}SET lock_timeout = '15s';\n{}{kept_again}{told}", block("back", &body));
    let names = [back.live, &kept].map(literal).join(", ");
    // no session is terminated for nothing
    let done = format!("({due}) IS NOT TRUE");
    let what = format!("{} -> {failed}, {kept} -> {}", back.live, back.live);

    behind_the_lock(client, what, sql, &make_way(&names, &done, &client.app_name))
}

/// What gives it back where that is due, and fails if the old database is nowhere.
fn going_back(back: &SwapBack<'_>, due: &str) -> String {
    const BODY: &str = sql::statements(include_str!("swap_back.sql"));

    let (kept, failed, discard) =
        (previous(back.live), failed(back.live), beside(back.live, "discard"));
    let rename = |from: &str, to: &str| format!("{};", renaming(from, to));
    let older = back.older_oid.map_or(String::new(), |oid| {
        format!("    IF {} = {oid} THEN {} END IF;\n", oid_of(&discard), rename(&discard, &kept))
    });
    let nothing =
        MarkFields { comment: None, connection_limit: -1, template: back.own.template, oid: 0 };

    sql::filled(
        BODY,
        &[
            ("due", due),
            ("old", &back.old_oid.to_string()),
            ("kept_oid", &oid_of(&kept)),
            ("live_oid", &oid_of(back.live)),
            ("away", &rename(back.live, &failed)),
            ("mark", &marking(&failed, nothing, &MovedAside::Kept).concat()),
            ("home", &rename(&kept, back.live)),
            ("unmark", &indented(&unmarking(back.live, back.own))),
            ("older", &older),
            ("live_name", &literal(&ident(back.live))),
            ("kept_name", &literal(&ident(&kept))),
        ],
    )
}

/// Reverts an undo, if it was done: `again` is the opposite swap, and `before` the oid of what was
/// live before the undo. If that is live, it does nothing, so it may run twice, or late.
pub fn undo_back(client: &Client, again: &Swap<'_>, before: u32) -> Act {
    let (kept, parked) = (previous(again.live), parked(again.live));
    let rename = |from: &str, to: &str| format!("    {};\n", renaming(from, to));
    let [comment, limit] = unmarking(again.live, again.own);

    let body = format!(
        "BEGIN\n  IF {kept_oid} = {before} THEN\n{}{}{}{}  END IF;\nEND",
        rename(again.live, &parked),
        rename(&kept, again.live),
        rename(&parked, &kept),
        indented(&[comment, limit, marking(&kept, again.kept, &again.aside).concat()]),
        kept_oid = oid_of(&kept),
    );

    let sql = format!("{DURABLE}SET lock_timeout = '15s';\n{}", block("back", &body));
    let names = [again.live, &kept].map(literal).join(", ");
    let done = format!("{} = {before}", oid_of(again.live));

    behind_the_lock(
        client,
        format!("{} <-> {kept}, as before", again.live),
        sql,
        &make_way(&names, &done, &client.app_name),
    )
}

/// What a run moved aside is kept for an undo from now on, and later runs may replace it: this run
/// no longer needs it.
pub fn let_go(client: &Client, live: &str, aside: &MovedAside) -> Option<Act> {
    let kept = previous(live);
    let sql = aside_otherwise(&[&kept, &beside(live, "discard")], aside, &aside.let_go());
    let deed = || command(client, format!("mark database {kept} as kept for an undo"), sql);
    (*aside != MovedAside::Kept).then(|| Act::Write(deed()))
}

/// Where a database stays that a reset could not finish, for you to look at.
pub fn failed(live: &str) -> String {
    beside(live, "failed")
}

/// Terminates sessions on the databases that change names until the change is visible, for at most
/// ten seconds, and only while it is under way: a change that failed, or that a killed run never
/// made, terminates nobody. Its lock shows that (ALTER and DROP DATABASE take it exclusively, CREATE
/// DATABASE shares that of its template), whatever a pooler makes of the session's name. A session
/// that this role may not terminate is named. Autovacuum has no role, and yields to the rename by
/// itself. <https://www.postgresql.org/docs/current/view-pg-locks.html>
pub fn make_way(names: &str, done: &str, app_name: &str) -> String {
    const BODY: &str = sql::statements(include_str!("make_way.sql"));
    let body = sql::filled(BODY, &[("names", names), ("done", done), ("app", &literal(app_name))]);
    block("way", &body)
}
