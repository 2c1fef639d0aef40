//! A database that is filled under its live name, because the programs know no other: how that
//! begins, and how an incomplete one is removed.

use super::admin::{failed, make_way, stays};
use super::command::connected;
use super::identity::{Identity, oid_of};
use super::marking::{mark, marking, unmarking};
use super::statements::{carry, indented, renaming};
use crate::cmd::Cmd;
use crate::engine::postgres::catalog::marks::{
    MarkFields, MovedAside, is_kept, is_on_its_way, on_its_way,
};
use crate::engine::postgres::client::name::{beside, block, ident, literal};
use crate::engine::postgres::client::session::DURABLE;
use crate::engine::postgres::client::{Client, GREETING};
use crate::plan::{Act, Deed, How};
use crate::value::DatabaseFacts;

/// Where an empty database waits while a copy of it is filled.
pub fn pristine(live: &str) -> String {
    beside(live, "pristine")
}

/// A copy of a database without tables, with its extensions and schemas, marked as staged. A
/// template must have no sessions: they are terminated meanwhile, as before a swap.
pub fn copy(client: &Client, from: &DatabaseFacts, name: &str) -> Act {
    let identity = Identity { name: &from.name, oid: Some(from.oid) };
    let sql = format!(
        "{}CREATE DATABASE {} TEMPLATE {} {};\n",
        identity.assertion(client),
        ident(name),
        ident(&from.name),
        on_its_way(-1)
    );

    let done = format!("{} IS NOT NULL", oid_of(name));
    let what = format!("database {name}, a copy of {}", from.name);
    let [cmd, way] = meanwhile(client, sql, &[&from.name], &done);

    Act::Create(Deed { what, how: How::Meanwhile(cmd, way) })
}

/// The copy takes the live name, owner, rights and settings, still marked as staged; the original
/// waits next to it.
pub fn exchange(client: &Client, live: &DatabaseFacts, copy: &str) -> Act {
    let (name, waits) = (live.name.as_str(), pristine(&live.name));
    let sql = format!(
        "{DURABLE}SET lock_timeout = '15s';\nBEGIN;\n{GREETING}{}{}{}{}{}COMMIT;\n",
        Identity { name, oid: Some(live.oid) }.assertion(client),
        rename(name, &waits),
        rename(copy, name),
        mark(&waits, MarkFields::of(Some(live)), &MovedAside::Kept),
        carry(name, live),
    );

    let done = format!("{} IS DISTINCT FROM {}", oid_of(name), live.oid);
    let what = format!("databases {name} -> {waits}, {copy} -> {name}");

    Act::Rename(changed(what, meanwhile(client, sql, &[name, &waits, copy], &done)))
}

/// Removes what is incomplete: a live database that is still marked becomes `<db>__failed`,
/// replacing an older one, and the empty one that waits gets its name back. If the live one has no
/// mark, it is complete, or was never begun, so only the waiting one is removed. It may run twice,
/// or late: what is moved aside may be in use by then, so it is kept.
pub fn take_back(client: &Client, name: &str, own: MarkFields<'_>) -> Act {
    let (failed, waits, staged) = (failed(name), pristine(name), beside(name, "staged"));
    let marked = |db: &str| {
        format!(
            "EXISTS (SELECT FROM pg_database WHERE datname = {} AND {})",
            literal(db),
            is_on_its_way()
        )
    };

    let kept = |db: &str| {
        let either = format!("({} OR {})", is_on_its_way(), is_kept("oid"));
        format!("EXISTS (SELECT FROM pg_database WHERE datname = {} AND {either})", literal(db))
    };
    let drop = |db: &str, when: &str| {
        format!(
            "SELECT {} WHERE {when} \\gexec\n",
            literal(&format!("DROP DATABASE {}", ident(db)))
        )
    };

    let nothing = MarkFields { comment: None, connection_limit: -1, template: false, oid: 0 };
    let done = format!("{} IS NOT NULL AND NOT {}", oid_of(name), marked(name));
    let [comment, limit] = unmarking(name, own);

    let back = format!(
        "BEGIN\n  IF {} THEN\n{}  END IF;\n  IF {} IS NULL AND {} THEN\n{}  END IF;\nEND",
        marked(name),
        indented(&[rename(name, &failed), marking(&failed, nothing, &MovedAside::Kept).concat()]),
        oid_of(name),
        kept(&waits),
        indented(&[rename(&waits, name), comment, limit]),
    );

    // one that was there before, and was not replaced yet, is not reported
    let begun = if own.oid == 0 { "true".to_owned() } else { kept(&waits) };
    let sql = format!(
        "{DURABLE}SET lock_timeout = '15s';\nSELECT {} WHERE {done} AND {begun};\n{}{}{}{}",
        stays(name),
        drop(&failed, &format!("{} AND {}", marked(name), kept(&failed))),
        block("back", &back),
        drop(&waits, &format!("{done} AND {}", kept(&waits))),
        drop(&staged, &marked(&staged)),
    );

    let over = format!("NOT {}", marked(name));
    let what = format!("the incomplete {name}, kept as {failed}");

    Act::Remove(changed(what, meanwhile(client, sql, &[name, &failed, &waits, &staged], &over)))
}

fn rename(from: &str, to: &str) -> String {
    format!("{};\n", renaming(from, to))
}

/// With a second psql that terminates sessions on these databases until it is done.
fn meanwhile(client: &Client, sql: String, names: &[&str], done: &str) -> [Cmd; 2] {
    let other = Client { app_name: format!("{}/swap", client.app_name), ..client.clone() };
    let names = names.iter().map(|name| literal(name)).collect::<Vec<_>>().join(", ");
    let way = other.psql(client.maintenance(), make_way(&names, done, &client.app_name));
    [connected(client.psql(client.maintenance(), sql)), way]
}

fn changed(what: String, [cmd, way]: [Cmd; 2]) -> Deed {
    Deed { what, how: How::Live(cmd, Some(way)) }
}
