//! A load into the live database itself: it is emptied and filled again in one transaction, so that
//! it has the old data or the new, and nobody sees anything in between.

use super::admin::stays;
use super::command::live as change;
use super::identity::Identity;
use super::loading::{BEGUN, COUNTED, COUNTS, begun, ended};
use super::members::{EMPTY, PAUSE};
use super::rights::as_new;
use super::statistics::{analyze, far_tables};
use super::wiping::{counted, unchanged};
use super::{marking, subscriptions};
use crate::cmd::Cmd;
use crate::engine::postgres::catalog::counting::{Half, count_rows};
use crate::engine::postgres::catalog::inventory::{Inventory, Kind, Table};
use crate::engine::postgres::catalog::marks::{
    MarkFields, is_emptied_by, is_on_its_way, on_its_way,
};
use crate::engine::postgres::client::name::{block, ident, literal};
use crate::engine::postgres::client::session::{DURABLE, NEUTRAL, PATIENT, READ_ALIKE, SAY_STATES};
use crate::engine::postgres::client::sql;
use crate::engine::postgres::client::version::Version;
use crate::engine::postgres::client::{Client, GREETING};
use crate::engine::postgres::script::Script;
use crate::plan::{Act, By, Count, Deed, Fence, How, Load};
use crate::value::TableRows;

/// Drops everything that a dump brings: every schema except `public`, which not every owner of a
/// database owns, and everything in `public`; objects without a schema; large objects. What belongs
/// to an extension or to another object is dropped or kept with it
/// (<https://www.postgresql.org/docs/current/catalog-pg-depend.html>). The list is made before the
/// first DROP: CASCADE drops more.
fn empty() -> String {
    sql::filled(EMPTYING, &[("drops", DROPS), ("subscriptions", subscriptions::DROPS)])
}

const EMPTYING: &str = sql::statements(include_str!("in_place/empty.sql"));

/// The statements that drop it: event triggers first, because they would fire for the rest.
const DROPS: &str = sql::part(include_str!("in_place/drops.sql"));

/// Drops the PL/pgSQL that was created for the load, if nothing in the dump needs it.
const SPARED: &str = sql::statements(include_str!("in_place/spared.sql"));

/// The psql that does it. It takes its locks before it looks at anything; rows added or removed
/// since they were counted may be in no backup, so it then fails. It also fails if it is blocked
/// for 15 seconds.
pub fn load(
    client: &Client,
    live: &Identity<'_>,
    inventory: &Inventory,
    fence: Fence,
    server: Version,
) -> Load {
    let spared = if inventory.lacks_plpgsql { SPARED } else { "" };

    Load {
        cmd: client.load(live.name),
        into: live.name.into(),
        fence,
        between: None,
        before: emptied_first(client, live, inventory, server),
        count: Count::First(format!(
            "{}{}{}{}{}\\echo '{COUNTS}'\n{}{}\\echo '{COUNTED}'\n",
            ended(server),
            analyze(Half::One),
            analyze(Half::Other),
            far_tables(),
            client.tongue.of_counts(),
            count_rows(Half::One),
            count_rows(Half::Other),
        )),
        after: format!("{PAUSE}{spared}{DURABLE}COMMIT;\n"),
        by: By::Project,
    }
}

/// Locks, checks and empties what is there.
fn emptied_first(
    client: &Client,
    live: &Identity<'_>,
    inventory: &Inventory,
    server: Version,
) -> String {
    let changes = |t: &&Table| t.extension.is_none() || t.configured && t.lacks.is_none();
    let holds_rows = |t: &&Table| matches!(t.kind, Kind::Plain | Kind::Partitioned) && changes(t);
    let tables: Vec<&Table> = inventory.tables.iter().filter(holds_rows).collect();
    let plain = tables.iter().filter(|t| t.kind == Kind::Plain);
    let lock = lock(tables.iter().map(|t| t.name.as_str()));

    format!(
        "{SAY_STATES}{READ_ALIKE}{NEUTRAL}{PATIENT}SET lock_timeout = '15s';\nSET row_security = \
         off;\nBEGIN;\n{plpgsql}{}{tables}{lock}{}{}{EMPTY}{}{ends}RESET search_path;\n\\echo \
         '{BEGUN}'\n{}",
        live.assertion_within(client),
        unchanged(plain.map(|table| (table.name.as_str(), table.rows))),
        empty(),
        as_new(),
        begun(server),
        // a new database has it, and functions in a dump rely on that
        plpgsql = if inventory.lacks_plpgsql { "CREATE EXTENSION plpgsql;\n" } else { "" },
        tables = client.tongue.of_tables(),
        ends = client.tongue.ends(),
    )
}

fn lock<'a>(tables: impl Iterator<Item = &'a str>) -> String {
    let names = tables.collect::<Vec<_>>().join(", ");
    if names.is_empty() {
        String::new()
    } else {
        format!("LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE;\n")
    }
}

/// A load into the live database that leaves it empty, and marked so by this run: its old contents
/// are known to load here.
pub fn tried_and_emptied(load: Load, live: &Identity<'_>, own: MarkFields<'_>, run: &str) -> Load {
    let marked = marking::emptied(live.name, own, run);
    Load { after: format!("{}{EMPTY}{}{marked}{DURABLE}COMMIT;\n", empty(), as_new()), ..load }
}

/// The same for its state since then: whatever that is, it is removed, and so is the mark.
pub fn back_again(
    client: &Client,
    live: &Identity<'_>,
    own: MarkFields<'_>,
    fence: Fence,
    server: Version,
) -> Load {
    arrived(load(client, live, &Inventory::default(), fence, server), live, own)
}

/// The same for an incomplete database that a killed run left: it is completed now, and loses the
/// mark.
pub fn arrived(load: Load, live: &Identity<'_>, own: MarkFields<'_>) -> Load {
    Load { after: format!("{}{}", marking::unmark(live.name, own), load.after), ..load }
}

/// A load that fails if rows were added or removed since the dump of what it replaces. Its names
/// are those of the dump, in the dump's spelling. None if the load has no place for that: another
/// version made it, and a change would not be noticed.
pub fn unless_changed(load: Load, dumped: &Script) -> Option<Load> {
    let nothing = counted([]);
    let (before, after) = load.before.split_once(&nothing)?;

    let exact = dumped.tables.iter().filter(|table| table.exact);
    let said = |table: &TableRows| dumped.foreign.get(&table.table).unwrap_or(&table.table).clone();
    let tables: Vec<(String, u64)> = exact.map(|table| (said(table), table.rows)).collect();
    let lock = lock(tables.iter().map(|(name, _)| name.as_str()));
    let counted = counted(tables.iter().map(|(name, rows)| (name.as_str(), Some(*rows))));

    let encoding = dumped.encoding.as_deref().filter(|encoding| *encoding != "utf8");
    let (begin, end) = encoding.map_or_else(Default::default, |encoding| {
        let begin = format!(
            "SELECT current_setting('client_encoding') AS db_tasks_said \\gset\nSET \
             client_encoding TO {encoding};\n"
        );
        (begin, "SET client_encoding TO :'db_tasks_said';\n")
    });

    let before = format!("{before}{begin}{lock}{counted}{end}{after}");
    Some(Load { before, ..load })
}

/// Answers `t` while the database has the mark of this run, even if a migrator left only half of
/// it.
pub fn is_emptied(client: &Client, name: &str, run: &str) -> Cmd {
    let (name, marked) = (literal(name), is_emptied_by(run));
    client.psql(
        client.maintenance(),
        format!("SELECT count(*) = 1 FROM pg_database WHERE datname = {name} AND {marked};\n"),
    )
}

/// Marks an empty database as staged, for a role that can't fill a copy of it. [`emptied_again`]
/// would not bring back any contents, so it fails if there are some.
pub fn begin(client: &Client, live: &Identity<'_>, own: MarkFields<'_>) -> Act {
    let sql = format!(
        "{DURABLE}BEGIN;\n{GREETING}{}{}ALTER DATABASE {} {};\nCOMMIT;\n",
        live.assertion(client),
        sql::filled(PRISTINE, &[("drops", DROPS)]),
        ident(live.name),
        on_its_way(own.connection_limit)
    );

    Act::Write(Deed {
        what: format!("mark database {} as staged", live.name),
        how: change(client.psql(live.name, sql), None),
    })
}

const PRISTINE: &str = sql::statements(include_str!("in_place/pristine.sql"));

/// Empties it again, if it still has the mark, and removes that; it may run twice, or late.
pub fn emptied_again(client: &Client, name: &str, own: MarkFields<'_>) -> Act {
    let limit = own.connection_limit;
    let sql = format!(
        "{DURABLE}SET lock_timeout = '15s';\nBEGIN;\n{GREETING}SELECT {} AS marked FROM pg_database WHERE \
         datname = {} \\gset\n\\if :marked\n{}ALTER DATABASE {} CONNECTION LIMIT \
         {limit};\n\\else\nSELECT {};\n\\endif\nCOMMIT;\n",
        is_on_its_way(),
        literal(name),
        empty(),
        ident(name),
        stays(name)
    );

    Act::Remove(Deed {
        what: format!("the incomplete {name}"),
        how: change(client.psql(name, sql), None),
    })
}

/// Terminates other sessions, as far as this role may: they may lock what must be emptied.
pub fn end_others(client: &Client, name: &str) -> Act {
    const BODY: &str = sql::statements(include_str!("in_place/end_others.sql"));
    let sql = block("others", &sql::filled(BODY, &[("name", &literal(name))]));
    Act::Remove(Deed {
        what: format!("sessions of others on {name}"),
        how: How::Command(client.psql(client.maintenance(), sql)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::postgres::script::Scanner;

    fn read_before(before: String) -> Load {
        let (between, count) = (None, Count::First(String::new()));
        let (cmd, into, after) = (Cmd::new("psql"), "shop".into(), String::new());
        Load { cmd, into, before, between, fence: Fence::Open, count, after, by: By::Project }
    }

    #[test]
    fn a_change_since_the_dump_is_noticed_or_nothing_is_loaded() {
        let mut scanner = Scanner::new();
        scanner.feed(
            b"SET client_encoding = 'LATIN1';\nCOPY public.orders (id) FROM stdin;\n1\n2\n3\n\\.\n",
        );
        let dumped = scanner.finish();
        assert_eq!(dumped.encoding.as_deref(), Some("latin1"));

        let words = format!("BEGIN;\n{}CREATE TABLE a();\n", unchanged([]));
        let load = unless_changed(read_before(words.clone()), &dumped).unwrap();
        let (name, check) = (r#"'{"public.orders":3}'"#, words.split_once("true);\n").unwrap().1);
        assert!(load.before.contains("LOCK TABLE public.orders IN ACCESS EXCLUSIVE MODE;\n"));
        assert!(load.before.contains(name) && load.before.ends_with(check), "{}", load.before);
        assert!(!load.before.contains("'{}'"), "{}", load.before);

        assert!(unless_changed(read_before("BEGIN;\n".into()), &dumped).is_none());
    }
}
