//! What a database or its server is beside its tables: a template, a subscriber, read-only by
//! default, a standby.

use std::fs;

use super::kill::restart_at_once;
use super::{Project, same, tiny, tiny_host};
use crate::support::cluster::{Cluster, cluster, programs};
use crate::support::component::postgres;
use crate::support::need;

/// The flag is the name's: whatever is swapped in has it, and what is kept can be dropped.
#[test]
fn a_template_stays_one_and_what_it_was_can_be_dropped() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    project.ok("db-backup --auto");
    cluster.sql("postgres", &format!("ALTER DATABASE {} IS_TEMPLATE true", db.name));

    let before = cluster.fingerprint(&db.name);
    let flags = || {
        let of = |name: String| {
            cluster.sql(
                "postgres",
                &format!("SELECT datistemplate FROM pg_database WHERE datname = '{name}'"),
            )
        };
        (of(db.name.clone()), of(format!("{}__previous", db.name)))
    };

    for words in [
        "db-restore --latest --yes",
        "db-restore --latest --yes",
        "db-undo --yes",
        "db-undo --yes",
        "db-restore --latest --yes",
    ] {
        project.ok(words);
        assert_eq!(flags(), ("t".into(), "f".into()), "{words}");
        same(&cluster.fingerprint(&db.name), &before);
    }

    // a backup that takes a template along for one makes it none on its way
    project.ok("db-backup --auto");
    project.ok("db-verify --deep");
    assert_eq!(
        super::family(cluster, &db.name),
        [db.name.clone(), format!("{}__previous", db.name)]
    );
}

#[test]
fn a_subscriber_is_detached_before_it_is_dropped_and_replicates_once() {
    let cluster = need!("postgresql", cluster());
    let (source, db) = (cluster.database(), cluster.database());
    for name in [&source.name, &db.name] {
        cluster.sql(name, "CREATE TABLE public.orders (id int PRIMARY KEY)");
    }

    let slot = format!("slot_{}", db.name);
    cluster.sql(
        &source.name,
        "CREATE PUBLICATION p FOR TABLE public.orders; INSERT INTO public.orders VALUES (1)",
    );
    cluster.sql(
        &source.name,
        &format!("SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')"),
    );

    let to_source = format!(
        "host={} port={} user=postgres dbname={}",
        cluster.dir.display(),
        cluster.port,
        source.name
    );

    cluster.sql(
        &db.name,
        &format!(
            "CREATE SUBSCRIPTION s CONNECTION '{to_source}' PUBLICATION p WITH (create_slot = \
             false, slot_name = '{slot}')"
        ),
    );

    super::until("a row has come", || {
        cluster.sql(&db.name, "SELECT count(*) FROM public.orders") == "1"
    });
    let project = Project::host(&db.socket_url);

    let enabled = || {
        let of = "SELECT string_agg(datname || ':' || subenabled, ' ' ORDER BY datname) FROM \
                  pg_subscription s JOIN pg_database d ON d.oid = subdbid";
        cluster.sql("postgres", &format!("{of} WHERE datname ^@ '{}'", db.name))
    };

    project.ok("db-backup --auto");
    project.ok("db-verify --deep");

    let said = project.ok("db-restore --latest --yes").err;
    assert!(
        said.contains("replication by `s` stops here: subscriptions are restored disabled"),
        "{said}"
    );
    assert_eq!(enabled(), format!("{0}:false {0}__previous:false", db.name));
    // a kept one that has a subscription goes like any other
    project.ok("db-restore --latest --yes");
    project.ok("db-repair").ends_with(0, "nothing to repair");

    assert_eq!(
        super::family(cluster, &db.name),
        [db.name.clone(), format!("{}__previous", db.name)]
    );

    cluster.sql(
        &db.name,
        "ALTER SUBSCRIPTION s ENABLE; ALTER SUBSCRIPTION s REFRESH PUBLICATION WITH (copy_data = \
         false)",
    );

    cluster.sql(&source.name, "INSERT INTO public.orders VALUES (2)");
    super::until("it goes on where it was", || {
        cluster.sql(&db.name, "SELECT count(*) FROM public.orders") == "2"
    });

    let said = project.ok("db-undo --yes").err;
    assert!(said.contains("replication by `s` stops here"), "{said}");
    assert_eq!(enabled(), format!("{0}:false {0}__previous:false", db.name));
    project.ok("db-restore --latest --yes --in-place");
    assert_eq!(enabled(), format!("{0}:false {0}__previous:false", db.name));

    let slots = cluster.sql(
        "postgres",
        &format!("SELECT count(*) FROM pg_replication_slots WHERE slot_name = '{slot}'"),
    );
    assert_eq!(slots, "1", "the publisher's slot is the publisher's");
    super::until("the slot is free", || {
        let drop = format!("SELECT pg_drop_replication_slot('{slot}')");
        cluster.try_sql(&source.name, &drop).is_ok()
    });

    for name in [db.name.clone(), format!("{}__previous", db.name)] {
        cluster.sql(&name, "ALTER SUBSCRIPTION s SET (slot_name = NONE); DROP SUBSCRIPTION s");
    }
}

#[test]
fn a_default_that_is_read_only_is_overridden_and_that_is_said() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    let project = project.env("ALLOW_DATABASE_WIPE", "true");

    project.ok("db-backup --auto");
    cluster.sql(
        "postgres",
        &format!("ALTER DATABASE {} SET default_transaction_read_only = on", db.name),
    );

    let before = cluster.fingerprint(&db.name);
    let says = "is read-only by default for `app` (`default_transaction_read_only`): this run \
                overrides that";
    project.ok("db-verify --deep");

    for words in [
        "db-restore --latest --yes",
        "db-undo --yes",
        "db-restore --latest --yes --in-place",
        "db-wipe --yes",
    ] {
        project.run(words).ends_with(0, says);
    }

    project.ok("db-restore --latest --yes");
    same(&cluster.fingerprint(&db.name), &before);
}

/// Where things lie on a disk is the server's matter: one that has no such place makes them where
/// it makes all.
#[test]
fn a_tablespace_that_is_not_here_is_left_out_and_named() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    let before = cluster.fingerprint(&db.name);
    let dump = cluster.dump(&db.name, &[]).unwrap();
    let placed =
        dump.replacen("CREATE TABLE", "SET default_tablespace = \"Fast disk\";\n\nCREATE TABLE", 1);

    project.write(
        "dump.sql",
        placed.replace("SET default_tablespace = '';\n\nSET default_table", "SET default_table"),
    );
    let said = project.ok("db-restore --file dump.sql --yes --trust=role").err;
    let says = "what the dump has in the tablespace `Fast disk` went to the default one: the \
                server has no tablespace of that name";

    assert!(said.contains(says), "{said}");
    same(&cluster.fingerprint(&db.name), &before);
}

/// Whoever waits for a lock says so within seconds, in every step and before: who holds it, and
/// what ends that.
#[test]
fn a_lock_that_is_waited_for_is_told_with_who_holds_it() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    let project = project.env("ALLOW_DATABASE_WIPE", "true");

    project.ok("db-backup --auto");
    let config = fs::read_to_string(project.dir.join("db-tasks.toml")).unwrap();
    project.write("limited.toml", format!("{config}[guards]\nwait-for-locks = 1\n"));

    let before = cluster.fingerprint(&db.name);

    let mut holder = cluster.command("psql");
    holder
        .args(["-XqAt", "-d", &db.name])
        .env("PGAPPNAME", "a migration")
        .stdin(std::process::Stdio::piped());

    let mut holder = holder.stdout(std::process::Stdio::null()).spawn().unwrap();
    let mut says = holder.stdin.take().unwrap();
    std::io::Write::write_all(&mut says, b"BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE;\n")
        .unwrap();

    let locked = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted \
                  AND relation = 'orders'::regclass";
    super::until("it is locked", || cluster.sql(&db.name, locked) == "1");

    for words in ["db-backup --auto", "db-wipe --dry-run", "db-wipe --yes"] {
        let failed = project.run(&format!("--config limited.toml {words}"));
        assert_eq!(failed.code, Some(1), "{words}: {failed:?}");
        assert!(
            failed.err.contains("waiting: session ") && failed.err.contains("(a migration"),
            "{words}: {failed:?}"
        );
        assert!(
            failed.err.contains("gave up: `guards.wait-for-locks` is 1 s"),
            "{words}: {failed:?}"
        );
    }

    drop(says);
    holder.wait().unwrap();
    same(&cluster.fingerprint(&db.name), &before);
}

#[test]
fn a_standby_is_backed_up_and_not_changed() {
    let bin = need!("postgresql", programs());
    let cluster = need!("postgresql", Cluster::start(&bin));
    let db = cluster.database();

    tiny(&cluster, &db.name);
    cluster.sql(
        &db.name,
        "SET ROLE app; CREATE UNLOGGED TABLE fast (a int); INSERT INTO fast VALUES (1)",
    );
    cluster.sql("postgres", "CHECKPOINT");
    fs::write(cluster.dir.join("data/standby.signal"), "").unwrap();
    restart_at_once(&cluster);

    assert_eq!(cluster.sql("postgres", "SELECT pg_is_in_recovery()"), "t");

    let project = Project::host(&db.url).env("ALLOW_DATABASE_WIPE", "true");
    let said = project.ok("db-backup --auto").err;
    assert!(
        said.contains(
            "is on a standby: rows of its unlogged tables are not in the backup (public.fast)"
        ),
        "{said}"
    );

    project.ok("db-verify");

    for words in [
        "db-verify --deep",
        "db-restore --latest --yes",
        "db-restore --latest --yes --in-place",
        "db-reset --force",
        "db-wipe --yes",
    ] {
        project.fails(words, 3, "is a standby: nothing can be changed there");
    }

    let doctor = project.run("db-doctor");
    assert!(doctor.out.contains("it is a standby: nothing can be changed there"), "{doctor:?}");
}

/// PostgreSQL 17 has triggers that run whenever somebody connects. A superuser's run switches them
/// off in all its sessions but the one that finds them; whoever can't is told.
#[test]
fn triggers_on_login_run_in_no_superusers_session_of_ours() {
    let cluster = need!("postgresql 17", postgres("17").and_then(|bin| Cluster::start(&bin)));
    let db = cluster.database();
    tiny(&cluster, &db.name);

    let with = |url: &str| {
        let config = format!(
            "[databases.main]\nprograms = '{}'\npostgres = {{ url = \"${{DATABASE_URL}}\" }}\n",
            postgres("17").unwrap().display()
        );
        Project::new(&config).env("DATABASE_URL", url)
    };

    let (plain, project) = (with(&db.url), with(&cluster.socket_url(&db.name)));
    cluster.sql(
        &db.name,
        "CREATE SCHEMA kept; CREATE TABLE kept.logins (who text, app text); GRANT ALL ON SCHEMA \
         kept TO PUBLIC; GRANT ALL ON kept.logins TO PUBLIC;
         CREATE FUNCTION kept.noted() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
           INSERT INTO kept.logins VALUES (current_user, current_setting('application_name')); END \
         $$;
         CREATE EVENT TRIGGER noted ON login EXECUTE FUNCTION kept.noted();
         ALTER EVENT TRIGGER noted ENABLE ALWAYS;",
    );

    let ran = || {
        let count = "SELECT count(*) FROM kept.logins WHERE app ~ '^db-tasks'";
        let ran = cluster.sql(&db.name, count).parse::<u32>().unwrap();
        cluster.sql(&db.name, "TRUNCATE kept.logins");
        ran
    };

    ran();

    for words in [
        "db-backup --auto",
        "db-verify --deep --yes",
        "db-restore --latest --dry-run",
        "db-restore --latest --yes --in-place",
    ] {
        let said = project.ok(words);
        assert!(!said.err.contains("on every login"), "{words}: {}", said.err);
        assert_eq!(ran(), 1, "{words}");
    }

    for words in ["db-backup --auto", "db-wipe --dry-run"] {
        let said = plain.run(words);
        let told = format!(
            "`{}` runs its own functions on every login, also in this run's sessions: noted",
            db.name
        );

        assert!(
            (said.out.clone() + &said.err).contains(&told),
            "{words}: {} {}",
            said.out,
            said.err
        );
    }

    assert!(plain.run("db-doctor").out.contains("triggers on login"));
}
