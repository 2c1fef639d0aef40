//! The marks in a database's connection limit. Only there can CREATE DATABASE itself set one: a
//! mark set afterwards would be missing if a run is killed in between.

use super::INVALID;
use crate::engine::postgres::client::name::fnv;

/// The connection limit of a staged database that had no limit of its own.
pub(super) const ON_ITS_WAY: i64 = 2_000_000_019;
/// The connection limit of a database without a limit of its own that a reset of an earlier version
/// emptied and did not fill: it is still read, but no longer written.
pub(super) const EMPTIED: i64 = 2_000_000_023;
/// Where the same marks begin for databases with a limit of their own, which is added: it must not
/// be lost with the run.
pub(super) const ON_ITS_WAY_LIMITED: i64 = 2_010_000_000;
pub(super) const EMPTIED_LIMITED: i64 = 2_030_000_000;
/// Where the limits of emptied databases begin. They say by which run, as far as a number can,
/// because a migrator may overwrite its name in the comment. Each of the [`RUNS`] has [`ROOM`] for
/// no limit, and for any limit that PostgreSQL accepts.
const EMPTIED_BY: i64 = 2_040_000_000;
const RUNS: i64 = 400;
const ROOM: i64 = 262_145;
/// The largest distinct limit; no server has as many connections.
pub(super) const LARGEST: i64 = 9_999_999;

/// Whether it says that its database is staged.
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

/// The number of a run among [`RUNS`]: two runs seldom have the same.
fn number(run: &str) -> i64 {
    i64::from(fnv(run.as_bytes())) % RUNS
}

fn is_at(limit: i64, bare: i64, limited: i64) -> bool {
    limit == bare || (limited..=limited + LARGEST).contains(&limit)
}

/// The user's own connection limit, whatever mark replaces it; -1 for none.
pub fn own_limit(limit: i64) -> i64 {
    match limit {
        ON_ITS_WAY | EMPTIED | INVALID => -1,
        _ if by_runs().contains(&limit) => (limit - EMPTIED_BY) % ROOM - 1,
        _ if says_on_its_way(limit) => limit - ON_ITS_WAY_LIMITED,
        _ if says_emptied(limit) => limit - EMPTIED_LIMITED,
        _ => limit,
    }
}

/// The words of CREATE and ALTER DATABASE that mark one as staged; `own` is the limit that it had.
pub(in crate::engine::postgres) fn on_its_way(own: i64) -> String {
    format!("CONNECTION LIMIT {}", marked(own, ON_ITS_WAY, ON_ITS_WAY_LIMITED))
}

/// The words of ALTER DATABASE that mark one as emptied by a run.
pub(in crate::engine::postgres) fn emptied(own: i64, run: &str) -> String {
    format!("CONNECTION LIMIT {}", EMPTIED_BY + number(run) * ROOM + own.clamp(-1, ROOM - 2) + 1)
}

fn marked(own: i64, bare: i64, limited: i64) -> i64 {
    if own < 0 { bare } else { limited + own.min(LARGEST) }
}

/// Whether a row of `pg_database` is staged, in SQL.
pub(in crate::engine::postgres) fn is_on_its_way() -> String {
    at("datconnlimit", ON_ITS_WAY, ON_ITS_WAY_LIMITED)
}

/// Whether it was emptied by this run.
pub(super) fn is_emptied_by(run: &str) -> String {
    let first = EMPTIED_BY + number(run) * ROOM;
    format!("datconnlimit BETWEEN {first} AND {}", first + ROOM - 1)
}

fn at(column: &str, bare: i64, limited: i64) -> String {
    format!("({column} = {bare} OR {column} BETWEEN {limited} AND {})", limited + LARGEST)
}
