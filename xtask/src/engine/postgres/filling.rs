//! A database that is filled under its live name, by programs that know no other: how it is begun,
//! and how what is half made goes away.

use super::admin::{DURABLE, Identity, carry, failed, indented, make_way, oid_of, stays};
use super::client::Client;
use super::marks::{Aside, Own, is_kept, is_on_its_way, mark, marking, on_its_way, unmarking};
use super::name::{beside, block, ident, literal};
use crate::cmd::Cmd;
use crate::plan::{Act, Deed, How};
use crate::value::DatabaseFacts;

/// Where an empty database waits while a copy of it is filled.
pub fn pristine(live: &str) -> String {
    beside(live, "pristine")
}

/// A copy of a database that has no tables, with the extensions and schemas that are in it, marked
/// as on its way. A template must be without sessions: they are ended meanwhile, as they are before
/// a swap.
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

/// The copy takes the live name, owner, rights and settings, still marked as on its way; the
/// original waits beside it.
pub fn exchange(client: &Client, live: &DatabaseFacts, copy: &str) -> Act {
    let (name, waits) = (live.name.as_str(), pristine(&live.name));
    let sql = format!(
        "{DURABLE}SET lock_timeout = '15s';\nBEGIN;\n{}{}{}{}{}COMMIT;\n",
        Identity { name, oid: Some(live.oid) }.assertion(client),
        rename(name, &waits),
        rename(copy, name),
        mark(&waits, Own::of(Some(live)), &Aside::Kept),
        carry(name, live),
    );

    let done = format!("{} IS DISTINCT FROM {}", oid_of(name), live.oid);
    let what = format!("databases {name} -> {waits}, {copy} -> {name}");

    Act::Rename(changed(what, meanwhile(client, sql, &[name, &waits, copy], &done)))
}

/// Takes away what is half made: a live database that is still marked becomes `<db>__failed`, in
/// place of an older one, and the empty one that waits has its name again. Where the live one bears
/// no mark, it is done, or was never begun, so that only what waits beside it goes. It may come
/// twice, or late: somebody may use by then what is set aside, so it is kept.
pub fn take_back(client: &Client, name: &str, own: Own<'_>) -> Act {
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

    let nothing = Own { comment: None, connection_limit: -1, template: false, oid: 0 };
    let done = format!("{} IS NOT NULL AND NOT {}", oid_of(name), marked(name));
    let [comment, limit] = unmarking(name, own);

    let back = format!(
        " BEGIN\n  IF {} THEN\n{}  END IF;\n  IF {} IS NULL AND {} THEN\n{}  END IF;\nEND ",
        marked(name),
        indented(&[rename(name, &failed), marking(&failed, nothing, &Aside::Kept).concat()]),
        oid_of(name),
        kept(&waits),
        indented(&[rename(&waits, name), comment, limit]),
    );

    // one that was there before, and was not replaced yet, is nothing to speak of
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
    let what = format!("what is half made of {name}, kept as {failed}");

    Act::Remove(changed(what, meanwhile(client, sql, &[name, &failed, &waits, &staged], &over)))
}

fn rename(from: &str, to: &str) -> String {
    format!("ALTER DATABASE {} RENAME TO {};\n", ident(from), ident(to))
}

/// With a second psql that ends sessions on these databases until it is done.
fn meanwhile(client: &Client, sql: String, names: &[&str], done: &str) -> [Cmd; 2] {
    let other = Client { app_name: format!("{}/swap", client.app_name), ..client.clone() };
    let names = names.iter().map(|name| literal(name)).collect::<Vec<_>>().join(", ");
    let way = other.psql(client.maintenance(), make_way(&names, done, &client.app_name));
    [client.psql(client.maintenance(), sql), way]
}

fn changed(what: String, [cmd, way]: [Cmd; 2]) -> Deed {
    Deed { what, how: How::Live(cmd, Some(way)) }
}
