//! The marks that stand where a database has its connection limit. That is the one place that
//! CREATE DATABASE can set itself: a mark that came second would be missing where a run is killed
//! in between.

use super::super::name::fnv;
use super::INVALID;

/// The connection limit of a database that is on its way, and had none of its own.
pub(super) const ON_ITS_WAY: i64 = 2_000_000_019;
/// The connection limit of a database that a reset of an earlier version has emptied, and has not
/// filled, and that had none of its own: it is read, and written no more.
pub(super) const EMPTIED: i64 = 2_000_000_023;
/// Where the same begin for databases that had a limit of their own, which is added: it must not be
/// lost with the run.
pub(super) const ON_ITS_WAY_LIMITED: i64 = 2_010_000_000;
pub(super) const EMPTIED_LIMITED: i64 = 2_030_000_000;
/// Where the limits of emptied databases begin. They say by which run, as far as a number can, for
/// a migrator may write over its name in the comment. Each of the [`RUNS`] has [`ROOM`] for none,
/// and for any limit that PostgreSQL takes.
const EMPTIED_BY: i64 = 2_040_000_000;
const RUNS: i64 = 400;
const ROOM: i64 = 262_145;
/// The largest limit that is told apart; no server has as many connections.
pub(super) const LARGEST: i64 = 9_999_999;

/// Whether it says that its database is on its way.
pub(super) fn says_on_its_way(limit: i64) -> bool {
    is_at(limit, ON_ITS_WAY, ON_ITS_WAY_LIMITED)
}

/// Whether it says that its database was emptied.
pub(super) fn says_emptied(limit: i64) -> bool {
    is_at(limit, EMPTIED, EMPTIED_LIMITED) || by_runs().contains(&limit)
}

fn by_runs() -> std::ops::Range<i64> {
    EMPTIED_BY..EMPTIED_BY + RUNS * ROOM
}

/// The number of a run among [`RUNS`]: two of them are seldom the same.
fn number(run: &str) -> i64 {
    i64::from(fnv(run.as_bytes())) % RUNS
}

fn is_at(limit: i64, bare: i64, limited: i64) -> bool {
    limit == bare || (limited..=limited + LARGEST).contains(&limit)
}

/// The connection limit that is the person's own, whatever mark stands in its place; -1 for none.
pub fn own_limit(limit: i64) -> i64 {
    match limit {
        ON_ITS_WAY | EMPTIED | INVALID => -1,
        _ if by_runs().contains(&limit) => (limit - EMPTIED_BY) % ROOM - 1,
        _ if says_on_its_way(limit) => limit - ON_ITS_WAY_LIMITED,
        _ if says_emptied(limit) => limit - EMPTIED_LIMITED,
        _ => limit,
    }
}

/// The words of CREATE and ALTER DATABASE that mark one as on its way; `own` is the limit that it
/// had.
pub(in crate::engine::postgres) fn on_its_way(own: i64) -> String {
    format!("CONNECTION LIMIT {}", marked(own, ON_ITS_WAY, ON_ITS_WAY_LIMITED))
}

/// The words of ALTER DATABASE that mark one as emptied by a run.
pub(super) fn emptied(own: i64, run: &str) -> String {
    format!("CONNECTION LIMIT {}", EMPTIED_BY + number(run) * ROOM + own.clamp(-1, ROOM - 2) + 1)
}

fn marked(own: i64, bare: i64, limited: i64) -> i64 {
    if own < 0 { bare } else { limited + own.min(LARGEST) }
}

/// Whether a row of `pg_database` is on its way, in SQL.
pub(in crate::engine::postgres) fn is_on_its_way() -> String {
    at("datconnlimit", ON_ITS_WAY, ON_ITS_WAY_LIMITED)
}

/// Whether it is emptied by this run.
pub(super) fn is_emptied_by(run: &str) -> String {
    let first = EMPTIED_BY + number(run) * ROOM;
    format!("datconnlimit BETWEEN {first} AND {}", first + ROOM - 1)
}

fn at(column: &str, bare: i64, limited: i64) -> String {
    format!("({column} = {bare} OR {column} BETWEEN {limited} AND {})", limited + LARGEST)
}
