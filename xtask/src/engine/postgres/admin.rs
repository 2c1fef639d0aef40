//! Work on databases themselves: create, drop, swap, undo, settings.

use super::client::{Client, TELLS};
pub use super::identity::Identity;
pub(super) use super::identity::oid_of;
use super::identity::same_server;
use super::marks::{
    Aside, Own, aside_otherwise, assert_droppable, bears_no_mark, is_gone_back_to, mark, marking,
    on_its_way, unmark, unmarking,
};
use super::name::{beside, block, ident, literal, parked, previous};
use super::setting;
use super::subscriptions::detached;
use super::version::Version;
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
    let how = How::Live(client.psql(client.maintenance(), sql), None);
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
pub fn release(client: &Client, name: &str, own: Own<'_>, carries: Option<&DatabaseFacts>) -> Act {
    let carried = carries.map_or(String::new(), |from| carry(name, from));
    Act::Write(command(
        client,
        format!("mark the database {name} as complete"),
        format!("{DURABLE}BEGIN;\n{}{carried}COMMIT;\n", unmark(name, own)),
    ))
}

/// A reported COMMIT is durable, whatever the server's own setting: if a crash reverted a swap, the
/// staged database would be left behind, unknown to anybody.
///
/// And changes are made even if transactions are read-only by default: the plan says so.
pub(super) const DURABLE: &str =
    "SET synchronous_commit = on;\nSET default_transaction_read_only = off;\n";

/// Indents statements in a block: only their first lines, because a comment may have several.
pub(super) fn indented(statements: &[String]) -> String {
    statements.iter().map(|statement| format!("    {statement}")).collect()
}

pub(super) fn command(client: &Client, what: String, sql: String) -> Deed {
    let sql = if sql.starts_with(DURABLE) { sql } else { format!("{DURABLE}{sql}") };
    Deed { what, how: How::Command(client.psql(client.maintenance(), sql)) }
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

/// Owner, rights and settings: in addition to the comment, what neither a plain dump nor a rename
/// keeps. <https://www.postgresql.org/docs/current/app-pgdump.html> (`--create`) names them.
pub(super) fn carry(name: &str, from: &DatabaseFacts) -> String {
    let db = ident(name);
    let mut sql = String::new();
    sql.extend(from.settings.iter().map(|setting| setting::given(name, setting)));
    sql.push_str(&format!("ALTER DATABASE {db} OWNER TO {};\n", ident(&from.owner)));

    if let Some(acl) = &from.acl {
        sql.push_str(&format!("REVOKE ALL ON DATABASE {db} FROM PUBLIC;\n"));

        for grant in acl {
            let whom = grant.grantee.as_ref().map_or("PUBLIC".into(), |g| ident(g));
            let option = if grant.grantable { " WITH GRANT OPTION" } else { "" };
            sql.push_str(&format!(
                "GRANT {} ON DATABASE {db} TO {whom}{option};\n",
                grant.privilege
            ));
        }
    }

    sql
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

/// The setting for a database's marker. The server keeps it, not the database: no dump has it.
pub const MARKER: &str = "dbtasks.environment";

/// The statement that gives a database its marker.
pub fn mark_sql(database: &str, environment: &str) -> String {
    format!("ALTER DATABASE {} SET {MARKER} = {};\n", ident(database), literal(environment))
}

/// Gives a database its marker.
pub fn mark_as(client: &Client, database: &str, environment: &str) -> Act {
    Act::Write(command(
        client,
        format!("the marker `{environment}` into database {database}"),
        format!("{DURABLE}{}", mark_sql(database, environment)),
    ))
}

/// Asserts that a database has its marker.
pub fn is_marked(client: &Client, database: &str, environment: &str) -> Act {
    let sql = format!(
        "SELECT substr(c, strpos(c, '=') + 1) FROM pg_db_role_setting s JOIN pg_database d ON \
         d.oid = s.setdatabase, unnest(s.setconfig) c\n  WHERE s.setrole = 0 AND d.datname = {} \
         AND split_part(c, '=', 1) = {};\n",
        literal(database),
        literal(MARKER)
    );

    Act::Check(Check {
        what: format!("the marker of database {database} is `{environment}`"),
        cmd: client.psql(client.maintenance(), sql),
        expect: environment.to_owned(),
        cure: "check it with `db-protect`, and run the command again".into(),
    })
}

/// The names of one swap.
#[derive(Debug, Clone)]
pub struct Swap<'a> {
    /// The live name.
    pub live: &'a str,
    /// The database that takes it.
    pub incoming: String,
    /// The oid that the live database must still have; `None` if there is none.
    pub live_oid: Option<u32>,
    /// The oid of an older `<db>__previous` that must be replaced, if there is one.
    pub older_oid: Option<u32>,
    /// Owner, rights and settings for the new live database, if it does not have them already.
    pub carries: Option<DatabaseFacts>,
    /// What the new live database has in the places of our marks.
    pub own: Own<'a>,
    /// What the replaced one has there.
    pub kept: Own<'a>,
    /// How that is moved aside: whether the run may still need it.
    pub aside: Aside,
}

impl Swap<'_> {
    /// Where an older `<db>__previous` waits to be dropped.
    pub fn discard(&self) -> String {
        beside(self.live, "discard")
    }

    fn renames(&self) -> Vec<(String, String)> {
        let kept = previous(self.live);
        let mut renames = Vec::new();

        if self.incoming == kept && self.live_oid.is_some() {
            let parked = parked(self.live);
            return vec![
                (self.live.into(), parked.clone()),
                (kept.clone(), self.live.into()),
                (parked, kept),
            ];
        }

        if self.live_oid.is_some() {
            if self.older_oid.is_some() {
                renames.push((kept.clone(), self.discard()));
            }
            renames.push((self.live.into(), kept));
        }

        renames.push((self.incoming.clone(), self.live.into()));
        renames
    }
}

/// Gives `incoming` the live name, the owner, the rights and the settings, and keeps the live
/// database as `<db>__previous`, all in one transaction.
///
/// A rename takes the database's exclusive lock first and then waits up to five seconds for its
/// sessions to end (`CountOtherDBBackends`). New connections queue behind that lock, so a second
/// psql that terminates the old sessions while the rename waits wins even against a pool that
/// reconnects at once. Nothing must be switched off beforehand (`ALLOW_CONNECTIONS false`), so a
/// killed run can't leave a database that nobody can connect to.
pub fn swap(client: &Client, swap: &Swap<'_>) -> Act {
    let renames = swap.renames();
    let mut sql = format!(
        "{DURABLE}SET lock_timeout = '15s';\nBEGIN;\n{}",
        Identity { name: swap.live, oid: swap.live_oid }.assertion(client)
    );
    for (from, to) in &renames {
        sql.push_str(&format!("ALTER DATABASE {} RENAME TO {};\n", ident(from), ident(to)));
    }

    sql.push_str(&unmark(swap.live, swap.own));
    if swap.live_oid.is_some() {
        sql.push_str(&mark(&previous(swap.live), swap.kept, &swap.aside));
    }
    if swap.older_oid.is_some() && swap.aside != Aside::Kept {
        sql.push_str(&aside_otherwise(&[&swap.discard()], &Aside::Kept, &swap.aside));
    }

    sql.push_str(&swap.carries.as_ref().map_or(String::new(), |from| carry(swap.live, from)));
    sql.push_str("COMMIT;\n");

    let what =
        renames.iter().map(|(from, to)| format!("{from} -> {to}")).collect::<Vec<_>>().join(", ");
    let before = swap.live_oid.map_or("NULL".into(), |oid| oid.to_string());
    let names = [swap.live, &previous(swap.live), &swap.incoming].map(literal).join(", ");
    let done = format!("{} IS DISTINCT FROM {before}", oid_of(swap.live));

    behind_the_lock(client, what, sql, &make_way(&names, &done, &client.app_name))
}

/// Renames that wait for a lock, and a second psql that clears the way for them.
fn behind_the_lock(client: &Client, what: String, sql: String, way: &str) -> Act {
    let other = Client { app_name: format!("{}/swap", client.app_name), ..client.clone() };
    let meanwhile = other.psql(client.maintenance(), way);
    let how = How::Live(client.psql(client.maintenance(), sql), Some(meanwhile));
    Act::Rename(Deed { what: format!("databases {what}"), how })
}

/// How to undo a swap if what follows it fails: the old database gets its name back, and what has
/// that name by then, created by us or again by a migrator, is kept as `<db>__failed`. It does
/// nothing if the old one already has its name, so it may run twice, or late.
#[derive(Debug, Clone)]
pub struct SwapBack<'a> {
    /// The live name.
    pub live: &'a str,
    /// The oid of the database that had it.
    pub old_oid: u32,
    /// What it has in the places of our marks.
    pub own: Own<'a>,
    /// The oid of the older `<db>__previous` that was replaced, if there was one.
    pub older_oid: Option<u32>,
    /// How both were moved aside.
    pub aside: Aside,
}

/// Gives the old database its name back.
pub fn swap_back(client: &Client, back: &SwapBack<'_>) -> Act {
    let (kept, failed, discard) =
        (previous(back.live), failed(back.live), beside(back.live, "discard"));
    let (live, old) = (ident(back.live), back.old_oid);
    let rename =
        |from: &str, to: &str| format!("ALTER DATABASE {} RENAME TO {};", ident(from), ident(to));
    let older = back.older_oid.map_or(String::new(), |oid| {
        format!("    IF {} = {oid} THEN {} END IF;\n", oid_of(&discard), rename(&discard, &kept))
    });
    let nothing = Own { comment: None, connection_limit: -1, template: back.own.template, oid: 0 };

    let due =
        format!("{} = {old} AND {}", oid_of(&kept), is_gone_back_to(&old.to_string(), &back.aside));
    let body = format!(
        " BEGIN\n  IF {due} THEN\n    IF {live_oid} IS NOT NULL THEN\n      {away}\n      \
             {mark}    END IF;\n    {home}\n{unmark}{older}  END IF;\n  IF {live_oid} IS DISTINCT \
             FROM {old} AND {kept_oid} IS DISTINCT FROM {old} THEN\n    RAISE EXCEPTION 'the old \
             database is neither % nor %', {live_name}, {kept_name};\n  END IF;\nEND ",
        kept_oid = oid_of(&kept),
        live_oid = oid_of(back.live),
        away = rename(back.live, &failed),
        mark = marking(&failed, nothing, &Aside::Kept).concat(),
        home = rename(&kept, back.live),
        unmark = indented(&unmarking(back.live, back.own)),
        live_name = literal(&live),
        kept_name = literal(&ident(&kept)),
    );

    let kept_again = if back.older_oid.is_some() {
        aside_otherwise(&[&kept], &back.aside, &Aside::Kept)
    } else {
        String::new()
    };

    let others = format!(
        "{TELLS}`{}` stays as it is: somebody undid or replaced what this run did there",
        back.live
    );
    let told = format!(
        "SELECT {} WHERE {} IS DISTINCT FROM {old};\n",
        literal(&others),
        oid_of(back.live)
    );

    let sql =
        format!("{DURABLE}SET lock_timeout = '15s';\n{}{kept_again}{told}", block("back", &body));
    let names = [back.live, &kept].map(literal).join(", ");
    // no session is terminated for nothing
    let done = format!("({due}) IS NOT TRUE");
    let what = format!("{} -> {failed}, {kept} -> {}", back.live, back.live);

    behind_the_lock(client, what, sql, &make_way(&names, &done, &client.app_name))
}

/// Reverts an undo, if it was done: `again` is the opposite swap, and `before` the oid of what was
/// live before the undo. If that is live, it does nothing, so it may run twice, or late.
pub fn undo_back(client: &Client, again: &Swap<'_>, before: u32) -> Act {
    let (kept, parked) = (previous(again.live), parked(again.live));
    let rename = |from: &str, to: &str| {
        format!("    ALTER DATABASE {} RENAME TO {};\n", ident(from), ident(to))
    };
    let [comment, limit] = unmarking(again.live, again.own);

    let body = format!(
        " BEGIN\n  IF {kept_oid} = {before} THEN\n{}{}{}{}  END IF;\nEND ",
        rename(again.live, &parked),
        rename(&kept, again.live),
        rename(&parked, &kept),
        indented(&[comment, limit, marking(&kept, again.kept, &again.aside).concat()]),
        kept_oid = oid_of(&kept),
    );

    let sql = format!("{DURABLE}SET lock_timeout = '15s';\n{}", block("back", &body));
    let names = [again.live, &kept].map(literal).join(", ");
    let done = format!("{} = {before}", oid_of(again.live));

    behind_the_lock(
        client,
        format!("{} <-> {kept}, as before", again.live),
        sql,
        &make_way(&names, &done, &client.app_name),
    )
}

/// What a run moved aside is kept for an undo from now on, and later runs may replace it: this run
/// no longer needs it.
pub fn let_go(client: &Client, live: &str, aside: &Aside) -> Option<Act> {
    let kept = previous(live);
    let sql = aside_otherwise(&[&kept, &beside(live, "discard")], aside, &aside.let_go());
    let deed = || command(client, format!("mark database {kept} as kept for an undo"), sql);
    (*aside != Aside::Kept).then(|| Act::Write(deed()))
}

/// Where a database stays that a reset could not finish, for you to look at.
pub fn failed(live: &str) -> String {
    beside(live, "failed")
}

/// Terminates sessions on the databases that change names until the change is visible, for at most
/// ten seconds, and no longer than the session that makes it lives: a failed change terminates
/// nobody. A session that this role may not terminate is named. Autovacuum has no role, and yields
/// to the rename by itself.
pub(super) fn make_way(names: &str, done: &str, app_name: &str) -> String {
    let body = format!(
        " DECLARE\n  s record;\n  came bool := false;\n  here bool;\nBEGIN\n  FOR i IN 1..5000 \
         LOOP\n    EXIT WHEN {done};\n    PERFORM pg_stat_clear_snapshot();\n    here := EXISTS \
         (SELECT FROM pg_stat_activity WHERE application_name = {app});\n    EXIT WHEN came AND \
         NOT here;\n    came := came OR here;\n    FOR s IN SELECT pid, usename, application_name \
         FROM pg_stat_activity WHERE datname IN ({names}) AND usesysid IS NOT NULL\n             \
         AND pid <> pg_backend_pid() AND application_name <> {app} LOOP\n      BEGIN\n        \
         PERFORM pg_terminate_backend(s.pid);\n      EXCEPTION WHEN insufficient_privilege THEN\n        \
         RAISE EXCEPTION '% may not terminate a session that blocks the change: % of the role %, \
         pid %', current_user, s.application_name, s.usename, s.pid;\n      END;\n    END LOOP;\n    \
         PERFORM pg_sleep(0.002);\n  END LOOP;\nEND ",
        app = literal(app_name),
    );
    block("way", &body)
}
