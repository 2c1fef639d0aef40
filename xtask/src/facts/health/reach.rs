//! What changing a database needs in addition to it: another database to work from, and sessions.

use super::{Finding, State};
use crate::config::Secrets;
use crate::door::ask::ask;
use crate::engine::postgres::catalog::room::{LIMIT, NEEDED, Room, room};
use crate::engine::postgres::client::name::ident;
use crate::facts::Surveyed;

/// Drops, renames and clean-ups are run from the maintenance database: if it can't be reached, a
/// clean-up fails, too.
pub(super) fn findings(s: &Surveyed, secrets: &Secrets) -> Vec<Finding> {
    let (key, maintenance) = (&s.spec.key, s.client.maintenance());
    let answer = match ask(&s.client.psql(maintenance, LIMIT), secrets) {
        Ok(answer) if answer.good => {
            return few_sessions(key, &s.server.role.name, &answer.out).into_iter().collect();
        }
        Ok(answer) => answer.err,
        Err(e) => format!("{e:#}"),
    };

    let said = answer.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let why = format!(
        "can't connect to `{maintenance}`, from which databases are renamed and dropped: {}",
        said.trim()
    );

    let cure = format!(
        "`GRANT CONNECT ON DATABASE {} TO {}`, a line for it in `.pgpass`, or another database to \
         which every run can connect: `maintenance-database` of `databases.{key}.postgres`",
        ident(maintenance),
        ident(&s.server.role.name)
    );
    vec![Finding::other(State::Problem, format!("database {key}: maintenance database"), why, cure)]
}

fn few_sessions(key: &str, role: &str, limit: &str) -> Option<Finding> {
    let limit: i64 =
        limit.trim().parse().ok().filter(|limit| room(*limit, 0, NEEDED) == Room::Never)?;
    let why =
        format!("`{role}` may have {limit} sessions at once, and a restore needs up to {NEEDED}");
    let cure = format!("`ALTER ROLE {} CONNECTION LIMIT -1`", ident(role));
    Some(Finding::other(State::Problem, format!("database {key}: sessions"), why, cure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_a_restore_would_meet_is_a_problem() {
        for (limit, is_problem) in [
            ("-1\n", false),
            ("0", true),
            ("1\n", true),
            ("3", true),
            ("4", false),
            ("", false),
            ("x", false),
        ] {
            assert_eq!(few_sessions("main", "app", limit).is_some(), is_problem, "{limit:?}");
        }
    }
}
