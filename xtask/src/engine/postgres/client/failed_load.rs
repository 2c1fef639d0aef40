//! What an error of a load means: which line of the dump it is, and what to do about it.

use super::said::is_denied;
use crate::problem::{Fate, Problem};

/// What a server says if the transaction is not the one that the load began.
pub(in crate::engine::postgres) const ENDED: &str =
    "the dump ended the transaction that it was loaded in";

/// psql also counts our own first lines, but people look up a line in the dump. An error in a
/// statement is not the backup's fault: its bytes are what pg_dump wrote, unless its checksum says
/// otherwise.
pub fn at_line(error: anyhow::Error, own: u64, told: &[u64]) -> anyhow::Error {
    let Some(problem) = error.downcast_ref::<Problem>() else { return error };
    let mut problem = problem.clone();
    for line in &mut problem.happened {
        if line.contains(ENDED) {
            *line = format!("{ENDED}: what came after would not have been part of it");
            problem.tried = "the load failed, and what it did before may be committed".into();
            (problem.fate, problem.ended) = (Fate::Cut, None);

            problem.cure = Some(
                "if it was loaded in place, the live data is changed: restore the backup that this \
                 run made first (`db-list`: the newest one); a staged database is removed \
                 automatically"
                    .into(),
            );
        } else if let Some((number, rest)) = numbered(line) {
            *line =
                format!("line {} of the dump: {rest}", of_dump(number.saturating_sub(own), told));
        }
    }

    // libpq shows the text of a query that is not a statement of the dump, but is in one of its
    // functions
    let within = problem.happened.iter().any(|line| line.trim_start().starts_with("QUERY: "));
    if let Some(cure) =
        of_load(problem.state.as_deref(), if within { At::Function } else { At::Statement })
    {
        problem.cure = Some(cure.into());
    }

    problem.into()
}

/// Where the server met an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// In a statement of the dump.
    Statement,
    /// In a function that a statement calls: of a generated column, a check, a materialized view or
    /// an index.
    Function,
}

/// What to do about an error that a statement of a dump met, by its SQLSTATE (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
fn of_load(state: Option<&str>, at: At) -> Option<&'static str> {
    match (state?, at) {
        ("42883", _) | ("42P01" | "42704" | "3F000", At::Function) => Some(
            "dumps are loaded with an empty `search_path`: a function that names something without \
             its schema needs `ALTER FUNCTION … SET search_path = public` in the database that was \
             dumped, and a new backup; if that database is gone, unpack the backup (`zstd -dc`), \
             write `public` into its line `set_config('search_path', '', false)`, and restore that \
             file (`--file`)",
        ),
        ("42P01" | "3F000", At::Statement) => Some(
            "the file refers to something it does not create: is it a dump of only the data \
             (`--data-only`), or of some tables or schemas? Make one of the whole database",
        ),
        // <https://www.postgresql.org/docs/current/ddl-constraints.html#DDL-CONSTRAINTS-CHECK-CONSTRAINTS>
        ("23514", _) => Some(
            "a check that reads other tables fails if their rows come later; PostgreSQL does not \
             support such checks: make it a foreign key, a trigger or `NOT VALID` in the database \
             that was dumped, and make a new backup; if that database is gone, unpack the backup \
             (`zstd -dc`), remove the check, and restore that file (`--file`)",
        ),
        _ => None,
    }
}

/// The dump's line, from psql's: before each of `told` psql has read an additional line.
fn of_dump(line: u64, told: &[u64]) -> u64 {
    line - told.iter().zip(0..).take_while(|(of, before)| *of + before < line).count() as u64
}

/// Nobody needs to look up the lines of our own statements.
pub fn without_lines(error: anyhow::Error) -> anyhow::Error {
    let Some(problem) = error.downcast_ref::<Problem>() else { return error };
    let mut problem = problem.clone();
    for line in &mut problem.happened {
        if let Some((_, rest)) = numbered(line) {
            *line = rest.to_owned();
        }
    }
    problem.into()
}

/// What a loader role may not do, the project's own role may.
pub fn by_a_loader(error: anyhow::Error) -> anyhow::Error {
    let Some(problem) = error.downcast_ref::<Problem>() else { return error };
    let role = "if you trust its author, `--trust=role` loads it as the project's own role";
    let cure = match &problem.cure {
        Some(cure) if !is_denied(problem.state.as_deref()) => format!("{cure}; or, {role}"),
        _ => format!("the file needs more than a loader role may do: {role}"),
    };
    problem.clone().cure(cure).into()
}

/// What a role may not do, or what is missing, may be left out: above all if another role is
/// missing.
pub fn or_without(error: anyhow::Error, otherwise: Option<&str>) -> anyhow::Error {
    let (Some(problem), Some(otherwise)) = (error.downcast_ref::<Problem>(), otherwise) else {
        return error;
    };
    // undefined_object, insufficient_privilege
    if !matches!(problem.state.as_deref(), Some("42704" | "42501")) {
        return error;
    }

    let cure = problem.cure.as_ref().map_or(String::new(), |cure| format!("{cure}; or "));
    problem
        .clone()
        .cure(format!("{cure}leave out the owners and rights of other roles: {otherwise}"))
        .into()
}

fn numbered(line: &str) -> Option<(u64, &str)> {
    let (number, rest) = line.strip_prefix("psql:<stdin>:")?.split_once(": ")?;
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_psql_are_lines_of_the_dump() {
        // told before lines 3 and 5: psql's lines 3 and 6 are ours
        for (line, want) in [(1, 1), (2, 2), (4, 3), (5, 4), (7, 5), (8, 6)] {
            assert_eq!(of_dump(line, &[3, 5]), want, "{line}");
        }
    }
}
