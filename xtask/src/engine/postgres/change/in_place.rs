//! A load into the live database itself: it is emptied and filled again in one transaction, so that
//! it has the old data or the new, and nobody sees anything in between.

use super::admin::stays;
use super::identity::Identity;
use super::loading::{BEGUN, COUNTED, COUNTS, begun, ended};
use super::members::{EMPTY, PAUSE};
use super::rights::as_new;
use super::statistics::{analyze, far_tables};
use super::wiping::unchanged;
use super::{marking, subscriptions};
use crate::cmd::Cmd;
use crate::engine::postgres::catalog::counting::{Half, count_rows};
use crate::engine::postgres::catalog::inventory::{Inventory, Kind, Table};
use crate::engine::postgres::catalog::marks::{
    MarkFields, is_emptied_by, is_on_its_way, on_its_way,
};
use crate::engine::postgres::client::Client;
use crate::engine::postgres::client::name::{block, ident, literal};
use crate::engine::postgres::client::session::{DURABLE, NEUTRAL, PATIENT, READ_ALIKE, SAY_STATES};
use crate::engine::postgres::client::version::Version;
use crate::engine::postgres::script::Script;
use crate::plan::{Act, By, Count, Deed, Fence, How, Load};
use crate::value::TableRows;

/// Drops everything that a dump brings: every schema except `public`, which not every owner of a
/// database owns, and everything in `public`; objects without a schema; large objects. What belongs
/// to an extension or to another object is dropped or kept with it
/// (<https://www.postgresql.org/docs/current/catalog-pg-depend.html>). The list is made before the
/// first DROP: CASCADE drops more.
fn empty() -> String {
    format!(
        "DO $empty$
DECLARE
  x text;
BEGIN
  FOREACH x IN ARRAY ARRAY({DROPS}) LOOP
    EXECUTE x;
  END LOOP;
  FOREACH x IN ARRAY ARRAY({}) LOOP
    EXECUTE x;
  END LOOP;
  PERFORM lo_unlink(oid) FROM pg_largeobject_metadata;
END $empty$;
",
        subscriptions::DROPS
    )
}

/// The statements that drop it: event triggers first, because they would fire for the rest.
const DROPS: &str = "
    SELECT format('DROP %s IF EXISTS %s CASCADE', CASE o.type WHEN 'composite type' THEN 'type' \
                     WHEN 'statistics object' THEN 'statistics'
        WHEN 'foreign-data wrapper' THEN 'foreign data wrapper'
        WHEN 'aggregate' THEN CASE WHEN current_setting('server_version_num')::int < 110000 THEN \
                     'aggregate' ELSE 'routine' END ELSE o.type END,
      CASE WHEN o.type = 'transform' THEN replace(o.identity, ' on language ', ' language ')
        WHEN o.type = 'aggregate' AND current_setting('server_version_num')::int < 110000 THEN \
                     replace(o.identity, '()', '(*)') ELSE o.identity END)
    FROM (
      SELECT 'pg_event_trigger'::regclass AS classid, oid AS objid FROM pg_event_trigger
      UNION ALL SELECT 'pg_namespace'::regclass, oid FROM pg_namespace
        WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')
      UNION ALL SELECT classid, objid FROM pg_depend
        WHERE refclassid = 'pg_namespace'::regclass AND refobjid = to_regnamespace('public') AND \
                     deptype = 'n' AND classid <> 'pg_extension'::regclass
      UNION ALL SELECT 'pg_publication'::regclass, oid FROM pg_publication
      UNION ALL SELECT 'pg_foreign_server'::regclass, oid FROM pg_foreign_server
      UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid FROM pg_foreign_data_wrapper
      UNION ALL SELECT 'pg_cast'::regclass, oid FROM pg_cast WHERE oid >= 16384
      UNION ALL SELECT 'pg_transform'::regclass, oid FROM pg_transform WHERE oid >= 16384
      UNION ALL SELECT 'pg_am'::regclass, oid FROM pg_am WHERE oid >= 16384
      UNION ALL SELECT 'pg_language'::regclass, oid FROM pg_language WHERE oid >= 16384
    ) c, pg_identify_object(c.classid, c.objid, 0) o
    WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = c.classid AND d.objid = c.objid \
                     AND d.objsubid = 0 AND d.deptype IN ('e', 'i'))
  ";

/// Drops the PL/pgSQL that was created for the load, if nothing in the dump needs it.
const SPARED: &str = "SELECT NOT EXISTS (SELECT FROM pg_depend d JOIN pg_language l ON l.oid = \
                      d.refobjid WHERE d.refclassid = 'pg_language'::regclass
  AND l.lanname = 'plpgsql' AND d.deptype = 'n') AS db_tasks_spared \\gset
\\if :db_tasks_spared
DROP EXTENSION plpgsql;
\\endif
";

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
    let changes = |t: &&Table| t.extension.is_none() || t.configured && t.lacks.is_none();
    let holds_rows = |t: &&Table| matches!(t.kind, Kind::Plain | Kind::Partitioned) && changes(t);
    let tables: Vec<&Table> = inventory.tables.iter().filter(holds_rows).collect();
    let plain: Vec<&Table> = tables.iter().copied().filter(|t| t.kind == Kind::Plain).collect();
    let lock = lock(tables.iter().map(|t| t.name.as_str()));

    Load {
        cmd: client.load(live.name),
        into: live.name.into(),
        fence,
        between: None,
        before: format!(
            "{SAY_STATES}{READ_ALIKE}{NEUTRAL}{PATIENT}SET lock_timeout = '15s';\nSET \
             row_security = \
             off;\nBEGIN;\n{plpgsql}{}{tables}{lock}{}{empty}{EMPTY}{rights}{ends}RESET \
             search_path;\n\\echo '{}'\n{}",
            live.assertion_within(client),
            unchanged(plain.iter().map(|table| (table.name.as_str(), table.rows))),
            BEGUN,
            begun(server),
            empty = empty(),
            rights = as_new(),
            // a new database has it, and functions in a dump rely on that
            plpgsql = if inventory.lacks_plpgsql { "CREATE EXTENSION plpgsql;\n" } else { "" },
            tables = client.tongue.of_tables(),
            ends = client.tongue.ends(),
        ),
        count: Count::First(format!(
            "{}{}{}{}{}\\echo '{}'\n{}{}\\echo '{}'\n",
            ended(server),
            analyze(Half::One),
            analyze(Half::Other),
            far_tables(),
            client.tongue.of_counts(),
            COUNTS,
            count_rows(Half::One),
            count_rows(Half::Other),
            COUNTED
        )),
        after: format!(
            "{PAUSE}{}{DURABLE}COMMIT;\n",
            if inventory.lacks_plpgsql { SPARED } else { "" }
        ),
        by: By::Project,
    }
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
/// are those of the dump, in the dump's spelling.
pub fn unless_changed(load: Load, dumped: &Script) -> Load {
    let exact = dumped.tables.iter().filter(|table| table.exact);
    let said = |table: &TableRows| dumped.foreign.get(&table.table).unwrap_or(&table.table).clone();
    let counted: Vec<(String, u64)> = exact.map(|table| (said(table), table.rows)).collect();
    let lock = lock(counted.iter().map(|(name, _)| name.as_str()));
    let unchanged_since =
        unchanged(counted.iter().map(|(name, rows)| (name.as_str(), Some(*rows))));

    let encoding = dumped.encoding.as_deref().filter(|encoding| *encoding != "utf8");
    let (begin, end) = encoding.map_or_else(Default::default, |encoding| {
        let begin = format!(
            "SELECT current_setting('client_encoding') AS db_tasks_said \\gset\nSET \
             client_encoding TO {encoding};\n"
        );
        (begin, "SET client_encoding TO :'db_tasks_said';\n")
    });

    let before =
        load.before.replacen(&unchanged([]), &format!("{begin}{lock}{unchanged_since}{end}"), 1);

    Load { before, ..load }
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
        "{DURABLE}BEGIN;\n{}DO $pristine$\nDECLARE\n  x text;\nBEGIN\n  FOREACH x IN ARRAY \
         ARRAY({DROPS}) LOOP\n    RAISE EXCEPTION 'there is something in it already, which `%` \
         would take away', x;\n  END LOOP;\nEND $pristine$;\nALTER DATABASE {} {};\nCOMMIT;\n",
        live.assertion(client),
        ident(live.name),
        on_its_way(own.connection_limit)
    );

    Act::Write(Deed {
        what: format!("mark database {} as staged", live.name),
        how: How::Live(client.psql(live.name, sql), None),
    })
}

/// Empties it again, if it still has the mark, and removes that; it may run twice, or late.
pub fn emptied_again(client: &Client, name: &str, own: MarkFields<'_>) -> Act {
    let limit = own.connection_limit;
    let sql = format!(
        "{DURABLE}SET lock_timeout = '15s';\nBEGIN;\nSELECT {} AS marked FROM pg_database WHERE \
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
        how: How::Live(client.psql(name, sql), None),
    })
}

/// Terminates other sessions, as far as this role may: they may lock what must be emptied.
pub fn end_others(client: &Client, name: &str) -> Act {
    let body = format!(
        "\nDECLARE\n  p int;\nBEGIN\n  FOR p IN SELECT pid FROM pg_stat_activity WHERE datname = {} AND pid <> pg_backend_pid() \
         AND backend_type = 'client backend' LOOP\n    \
         BEGIN\n      PERFORM pg_terminate_backend(p);\n    EXCEPTION WHEN insufficient_privilege THEN NULL;\n    END;\n  END LOOP;\nEND ",
        literal(name)
    );

    let sql = block("others", &body);
    Act::Remove(Deed {
        what: format!("sessions of others on {name}"),
        how: How::Command(client.psql(client.maintenance(), sql)),
    })
}
