//! Work on databases themselves: create, drop, swap, undo, settings.

mod swap;

pub(super) use self::swap::make_way;
pub use self::swap::{Swap, SwapBack, failed, let_go, swap, swap_back, undo_back};
use super::command::{command, live as change};
use super::identity::{Identity, same_server};
use super::marking::{assert_droppable, unmark};
use super::statements::{carry, renaming};
use super::subscriptions::detached;
use crate::engine::postgres::catalog::marks::{MarkFields, bears_no_mark, on_its_way};
use crate::engine::postgres::client::name::{ident, literal};
use crate::engine::postgres::client::session::DURABLE;
use crate::engine::postgres::client::version::Version;
use crate::engine::postgres::client::{Client, TELLS};
use crate::plan::{Act, Check, Deed, How};
use crate::value::DatabaseFacts;

/// Makes a database: see [`creation`].
pub fn create(
    client: &Client,
    name: &str,
    like: Option<&DatabaseFacts>,
    server: Version,
    live: &Identity<'_>,
) -> Act {
    Act::Create(command(
        client,
        format!("database {name}"),
        creation(client, name, like, server, live),
    ))
}

/// The same under the name that it is used by from then on.
pub fn create_live(client: &Client, server: Version, live: &Identity<'_>) -> Act {
    let sql = format!("{DURABLE}{}", creation(client, live.name, None, server, live));
    let how = change(client.psql(client.maintenance(), sql), None);
    Act::Create(Deed { what: format!("database {}", live.name), how })
}

/// A new, empty database from template0 (which has no local additions, and no collation version to
/// mismatch), with the encoding and locale of `like`. We own it for now; the swap sets its owner.
/// It first asserts that `live` is still the one the plan was made for.
pub fn creation(
    client: &Client,
    name: &str,
    like: Option<&DatabaseFacts>,
    server: Version,
    live: &Identity<'_>,
) -> String {
    let mut sql =
        format!("{}CREATE DATABASE {} TEMPLATE template0", live.assertion(client), ident(name));

    if let Some(d) = like {
        sql.push_str(&format!(
            " ENCODING {} LC_COLLATE {} LC_CTYPE {}",
            literal(&d.encoding),
            literal(&d.collate),
            literal(&d.ctype)
        ));

        match (d.provider.as_deref(), &d.locale) {
            (Some("icu"), Some(locale)) => {
                sql.push_str(&format!(" LOCALE_PROVIDER icu ICU_LOCALE {}", literal(locale)));
                sql.extend(
                    d.icu_rules.iter().map(|rules| format!(" ICU_RULES {}", literal(rules))),
                );
            }
            (Some("builtin"), Some(locale)) => sql
                .push_str(&format!(" LOCALE_PROVIDER builtin BUILTIN_LOCALE {}", literal(locale))),
            // the server's template may have been made with another provider
            _ if server.major() >= 15 => sql.push_str(" LOCALE_PROVIDER libc"),
            _ => {}
        }

        if !matches!(d.tablespace.as_str(), "" | "pg_default") {
            sql.push_str(&format!(" TABLESPACE {}", ident(&d.tablespace)));
        }
    }

    sql.push_str(&format!(" {};\n", on_its_way(-1)));
    sql
}

/// Gives a database another name.
pub fn rename(client: &Client, from: &str, to: &str) -> Act {
    let how = How::Command(client.psql(client.maintenance(), format!("{};\n", renaming(from, to))));
    Act::Rename(Deed { what: format!("database {from} -> {to}"), how })
}

/// Drops a database that this tool made and marked; any other is left alone, whatever its name.
pub fn drop(client: &Client, name: &str) -> Act {
    Act::Remove(command(client, format!("database {name}"), dropping(client, name)))
}

fn dropping(client: &Client, name: &str) -> String {
    let (assertion, detached, terminate) =
        (assert_droppable(name), detached(client, name), terminate(name));
    format!("{assertion}{detached}{terminate}DROP DATABASE IF EXISTS {};\n", ident(name))
}

/// What a clean-up reports about a database that it leaves alone, as a literal. The COMMIT that
/// removed its mark may have gone unnoticed.
pub(super) fn stays(name: &str) -> String {
    literal(&format!(
        "{TELLS}`{name}` stays as it is: it has no mark of a run, so it is complete, or not this \
         run's"
    ))
}

/// The same for one that stays under its name once it is complete. A killed run may not have
/// noticed that: then it no longer has a mark.
pub fn drop_unless_arrived(client: &Client, name: &str) -> Act {
    let sql = format!(
        "SELECT {} AS db_tasks_stays \\gset\n\\if :db_tasks_stays\nSELECT {};\n\\else\n{}\\endif\n",
        bears_no_mark(name),
        stays(name),
        dropping(client, name)
    );
    Act::Remove(command(client, format!("database {name}"), sql))
}

/// A staged database is complete: it is yours from now on.
pub fn release(
    client: &Client,
    name: &str,
    own: MarkFields<'_>,
    carries: Option<&DatabaseFacts>,
) -> Act {
    let carried = carries.map_or(String::new(), |from| carry(name, from));
    Act::Write(command(
        client,
        format!("mark the database {name} as complete"),
        format!("{DURABLE}BEGIN;\n{}{carried}COMMIT;\n", unmark(name, own)),
    ))
}

/// Terminates sessions on a database. Autovacuum has no role, only a superuser may terminate it,
/// and it yields to a DROP by itself.
fn terminate(name: &str) -> String {
    format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = {} AND pid \
         <> pg_backend_pid() AND usesysid IS NOT NULL;\n",
        literal(name)
    )
}

/// Asserts that `database` is still the one the plan was made for.
pub fn still(client: &Client, database: &str, facts: Option<&DatabaseFacts>) -> Act {
    let server = client.system.as_deref().map_or(String::new(), same_server);
    let sql = format!(
        "{server}SELECT coalesce((SELECT oid::text FROM pg_database WHERE datname = {}), \
         'absent');\n",
        literal(database)
    );

    Act::Check(Check {
        what: match facts {
            Some(f) => {
                format!("database {database} is still the one that was looked at (oid {})", f.oid)
            }
            None => format!("there is still no database {database}"),
        },
        cmd: client.psql(client.maintenance(), sql),
        expect: facts.map_or("absent".into(), |f| f.oid.to_string()),
        cure: "it was changed in the meantime: run the command again and look at the new plan"
            .into(),
    })
}
