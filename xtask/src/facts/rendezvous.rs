//! Whether two connections lead to the same server: a lock taken on one is seen on the other.
//! Addresses can't tell (a tunnel, a pooler, a published port), and physical clones have the same
//! system identifier.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use anyhow::Result;

use crate::cmd::Value;
use crate::config::Secrets;
use crate::door::ask::ask;
use crate::door::held::hold;
use crate::engine::postgres::client::{Client, HOLDS, seeker};
use crate::place::Place;
use crate::problem::Exit;

/// Another way to a server: where a client of it runs, and what libpq is told there.
#[derive(Debug, Clone)]
pub struct Way {
    /// Where.
    pub place: Place,
    /// libpq's variables, but for the database.
    pub env: Vec<(String, Value)>,
    /// The database's name on that way: a pooler may know ours by another name.
    pub into: Option<String>,
}

/// Its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Met {
    /// It leads to the same database.
    Same,
    /// It leads to another server, or to another database there.
    Another,
    /// Nothing answers there; the error.
    Unanswered(String),
    /// There is no psql to ask with.
    Unasked,
}

/// Connects both ways and checks whether they meet. `oid` is the database's, if there is one;
/// otherwise they meet in the server's `database`.
///
/// # Errors
/// Our own way no longer leads anywhere.
pub fn meet(
    ours: &Client,
    way: &Way,
    database: &str,
    oid: Option<u32>,
    secrets: &Secrets,
) -> Result<Met> {
    let key = key();
    let _held = match hold(&ours.hold_lock(database, key), secrets)? {
        Ok((held, line)) if line == HOLDS => held,
        Ok((_, said)) | Err(said) => anyhow::bail!("the server went away: {said}"),
    };
    let asked = seeker(&way.place, &way.env, way.into.as_deref().unwrap_or(database), key);

    let answer = match ask(&asked, secrets) {
        Ok(answer) => answer,
        Err(e) if Exit::of(&e) == Exit::Interrupted => return Err(e),
        Err(_) => return Ok(Met::Unasked),
    };

    if !answer.good {
        let is_missing = matches!(answer.code, Some(126 | 127));
        return Ok(if is_missing {
            Met::Unasked
        } else {
            Met::Unanswered(answer.err.trim().to_owned())
        });
    }

    Ok(judged(&answer.out, oid))
}

/// From the oid of the database that was reached and the number of databases in which the lock is
/// seen.
fn judged(answer: &str, oid: Option<u32>) -> Met {
    let found = answer
        .trim()
        .split_once('|')
        .and_then(|(found, seen)| Some((found.parse::<u32>().ok()?, seen)));
    match (found, oid) {
        (Some((_, "0")) | None, _) => Met::Another,
        (Some((found, _)), Some(oid)) if found != oid => Met::Another,
        _ => Met::Same,
    }
}

/// Two numbers that nobody else uses, within the range of a lock's key.
fn key() -> (u32, u32) {
    let random = RandomState::new().build_hasher().finish();
    (random as u32 >> 1, (random >> 33) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_meet_where_the_lock_and_the_database_are_seen() {
        for (answer, oid, want) in [
            ("16384|1\n", Some(16384), Met::Same),
            ("16384|1\n", None, Met::Same),
            ("16384|0\n", Some(16384), Met::Another),
            ("16384|0\n", None, Met::Another),
            // a pooler that has another database under this name
            ("16390|1\n", Some(16384), Met::Another),
            ("", Some(16384), Met::Another),
        ] {
            assert_eq!(judged(answer, oid), want, "{answer}");
        }
    }

    #[test]
    fn keys_are_what_a_lock_may_have() {
        for _ in 0..1000 {
            let (one, two) = key();
            assert!(i32::try_from(one).is_ok() && i32::try_from(two).is_ok(), "{one} {two}");
        }
    }
}
