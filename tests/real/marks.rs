//! What a database's marks say, and what nobody does to it for that: after a kill, by another
//! clone, or where what is kept is production.

use std::io::Read;

use super::{Held, Project, same, sessions, signal, tiny, tiny_host, until};
use crate::support::cluster::{Cluster, TempDb, cluster};
use crate::support::component::unique;
use crate::support::need;

/// A clone of a repo: each in a folder of its own, with a migrator that its test writes.
fn clone(url: &str) -> Project {
    let config = "[databases.main]\npostgres = { url = \"${DATABASE_URL}\" }\n[hooks]\nmigrate = \
                  'sh ./migrate'\n";
    let project = Project::new(config).env("DATABASE_URL", url).env("ALLOW_DATABASE_WIPE", "true");
    project.write("migrate", "psql -qX -c 'CREATE TABLE people (id int)'");
    project
}

/// Two clones, and a database that the first's reset, which made no backup, has set aside when it
/// was killed.
fn cut_off(cluster: &Cluster, older: &str) -> (TempDb, Project, Project) {
    let db = cluster.database();
    tiny(cluster, &db.name);

    let (first, second) = (clone(&db.url), clone(&db.url));
    second.backup();
    if !older.is_empty() {
        second.ok("db-restore --latest --yes");
        cluster.sql(&format!("{}__previous", db.name), older);
    }

    cluster.sql(&db.name, "DELETE FROM orders WHERE id > 7");
    first.write("migrate", "touch migrating; sleep 60");

    let mut killed = first.command("db-reset --force --skip-backup").spawn().unwrap();
    until("it migrates", || first.dir.join("migrating").exists());
    signal(&killed, "KILL");
    killed.wait().unwrap();

    (db, first, second)
}

fn orders(cluster: &Cluster, db: &str) -> String {
    cluster.sql(db, "SELECT count(*) FROM orders")
}

#[test]
fn what_a_killed_reset_has_set_aside_is_dropped_by_no_other_clone() {
    let cluster = need!("postgresql", cluster());
    let (db, first, second) = cut_off(cluster, "DELETE FROM orders WHERE id > 5");
    let (db, kept, discard) =
        (&db.name, format!("{}__previous", db.name), format!("{}__discard", db.name));

    assert_eq!([orders(cluster, &kept), orders(cluster, &discard)], ["7", "5"]);

    for words in [
        "db-restore --latest --yes",
        "db-restore --latest --yes --dry-run",
        "db-reset --force",
        "db-reset --force --skip-backup",
        "db-prepare",
    ] {
        let said = second.run(words);
        let refused = words != "db-prepare";
        assert!(!refused || said.code == Some(3), "{words}: {said:?}");
        for part in
            ["is held by db-reset", &first.dir.display().to_string(), "db-repair", "RENAME TO"]
        {
            assert!(!refused || said.err.contains(part), "{words}: {part}: {}", said.err);
        }
        // an undo swaps back what bears the one name, and no other
        assert!(
            !refused
                || said.err.contains("db-undo` here") == said.err.contains("__previous` is held"),
            "{words}: {}",
            said.err
        );
        assert_eq!(
            [orders(cluster, &kept), orders(cluster, &discard)],
            ["7", "5"],
            "{words}: {}",
            said.err
        );
    }

    first.ok("db-repair");
    assert_eq!([orders(cluster, db), orders(cluster, &kept)], ["7", "5"]);
    // it is kept for an undo as it was, and anybody's to replace
    second.ok("db-undo --yes");
    second.ok("db-undo --yes");
    second.ok("db-restore --latest --yes");

    assert_eq!([orders(cluster, db), orders(cluster, &kept)], ["300", "7"]);
}

#[test]
fn another_clones_undo_brings_back_what_a_killed_reset_has_set_aside() {
    let cluster = need!("postgresql", cluster());
    let (db, first, second) = cut_off(cluster, "");
    let db = &db.name;

    second.ok("db-undo --yes");
    assert_eq!(orders(cluster, db), "7");

    let comment = format!(
        "SELECT shobj_description(oid, 'pg_database') IS NULL FROM pg_database WHERE datname = \
         '{db}'"
    );
    assert_eq!(cluster.sql("postgres", &comment), "t");

    let before = cluster.fingerprint(db);
    first.ok("db-repair");
    same(&cluster.fingerprint(db), &before);
    assert_eq!(first.ok("db-repair").out.trim(), "nothing to repair");
}

/// Two databases, and a session in the second that the run may not end: its swap waits there for
/// seconds.
struct Pair {
    first: TempDb,
    second: TempDb,
    project: Project,
    other: Project,
}

impl Pair {
    fn new(cluster: &Cluster) -> Self {
        let (first, second) = (cluster.database(), cluster.database());
        for db in [&first, &second] {
            tiny(cluster, &db.name);
        }

        let url = |db: &TempDb, key: &str| {
            format!("[databases.{key}]\npostgres = {{ url = \"{}\" }}\n", db.url)
        };
        let set = "[backup]\nname = \"backup_{timestamp}/{store}.{ext}\"\n";
        let project = Project::new(&format!("{}{}{set}", url(&first, "a"), url(&second, "b")));
        let other = Project::new(&url(&first, "a"));

        project.ok("db-backup --auto");
        other.backup();

        for db in [&first, &second] {
            cluster.sql(&db.name, "DELETE FROM orders WHERE id > 7");
        }

        Self { first, second, project, other }
    }

    /// Kills a command between its two swaps.
    fn half(&self, cluster: &Cluster, words: &str, swapped: impl Fn() -> bool) {
        let _there = Held::new(cluster, &self.second.name, "SELECT 1");
        let mut killed = self.project.command(words).spawn().unwrap();
        until("one of them has been swapped in", || {
            let over = killed.try_wait().unwrap().is_some();
            if over {
                let mut said = String::new();
                killed.stderr.take().map(|mut err| err.read_to_string(&mut said));
                panic!("{words} has come to its end: {said}");
            }
            swapped()
        });

        signal(&killed, "KILL");
        killed.wait().unwrap();

        let over = || sessions(cluster, &self.second.name) == 0;
        until("its sessions are over", over);

        assert_eq!(
            orders(cluster, &self.second.name) == "7",
            words.contains("restore"),
            "the second one is as it was"
        );
    }
}

#[test]
fn what_half_a_set_has_set_aside_is_dropped_by_no_other_clone() {
    let cluster = need!("postgresql", cluster());
    let pair = Pair::new(cluster);
    let (db, kept) = (&pair.first.name, format!("{}__previous", pair.first.name));

    pair.half(cluster, "db-restore --latest --yes", || cluster.exists(&kept));
    for words in ["db-restore --latest --yes", "db-restore --latest --yes --dry-run"] {
        pair.other.fails(words, 3, "is held by db-restore");
    }

    assert_eq!(orders(cluster, &kept), "7");
    pair.project.ok("db-repair");
    assert_eq!([db, &pair.second.name].map(|db| orders(cluster, db)), ["7", "7"]);

    pair.project.ok("db-restore --latest --yes");
    let there =
        || cluster.try_sql(&kept, "SELECT count(*) FROM orders").is_ok_and(|count| count == "300");
    pair.half(cluster, "db-undo --yes", there);
    pair.other.fails("db-restore --latest --yes", 3, "is held by db-undo");
    pair.project.ok("db-repair");

    assert_eq!([db, &pair.second.name].map(|db| orders(cluster, db)), ["300", "300"]);
    // what came to its end holds nothing
    pair.project.ok("db-undo --yes");
    pair.other.ok("db-restore --latest --yes");
    assert_eq!(orders(cluster, db), "300");
}

#[test]
fn a_kept_database_that_says_production_is_dropped_by_no_run() {
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();
    tiny(cluster, &db.name);

    let project = clone(&db.url);
    project.backup();
    cluster.sql(&db.name, "DELETE FROM orders WHERE id > 7");
    project.ok("db-restore --latest --yes");

    let (kept, failed) = (format!("{}__previous", db.name), format!("{}__failed", db.name));
    let setting = |to: &str| format!("ALTER DATABASE {kept} {to}");
    let comment =
        |more: &str| format!("COMMENT ON DATABASE {kept} IS 'db-tasks: kept for db-undo{more}'");

    for (says, takes_back) in [
        (setting("SET dbtasks.environment = 'production'"), setting("RESET dbtasks.environment")),
        (comment("\nthe shop''s\ndbtasks.environment = prod"), comment("")),
    ] {
        cluster.sql("postgres", &says);
        for words in [
            "db-restore --latest --yes",
            "db-restore --latest --yes --dry-run",
            "db-reset --force",
            "db-reset --force --skip-backup",
        ] {
            let said = project.fails(
                words,
                3,
                &format!("the marker in the database `{kept}` says that it is `prod"),
            );
            assert!(said.err.contains("`db-undo` brings it back"), "{}", said.err);
            assert_eq!(orders(cluster, &kept), "7", "{words}");
        }
        // in place nothing gives way
        project.ok("db-restore --latest --yes --in-place");
        cluster.sql("postgres", &takes_back);
    }

    // and whatever else has a name that is needed
    cluster.sql("postgres", &setting(&format!("RENAME TO {failed}")));
    cluster.sql(
        "postgres",
        &format!("ALTER DATABASE {failed} SET dbtasks.environment = 'production'"),
    );

    project.fails(
        "db-reset --force",
        3,
        &format!("the marker in the database `{failed}` says that it is `production`"),
    );

    cluster.sql("postgres", &format!("ALTER DATABASE {failed} RENAME TO {kept}"));
    project.ok("db-undo --yes");
    assert_eq!(orders(cluster, &db.name), "7");
}

#[test]
fn an_undo_brings_the_kept_data_back_where_the_live_one_is_gone() {
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();
    tiny(cluster, &db.name);

    let project = clone(&db.url);
    project.backup();

    cluster.sql(
        "postgres",
        &format!(
            "COMMENT ON DATABASE {0} IS 'the shop''s'; ALTER DATABASE {0} CONNECTION LIMIT 20",
            db.name
        ),
    );

    let before = cluster.fingerprint(&db.name);
    project.ok("db-restore --latest --yes");
    cluster.sql("postgres", &format!("DROP DATABASE {}", db.name));

    let project = project.env("ENVIRONMENT", "production");
    let said = project.ok("db-undo --yes");
    assert!(!said.err.contains("again to swap it back"), "{}", said.err);
    same(&cluster.fingerprint(&db.name), &before);
    assert!(!cluster.exists(&format!("{}__previous", db.name)));

    project.fails("db-undo --yes", 1, "there is nothing to undo");
}

/// A role that may create no database, its database with a limit of its own, and two clones.
struct Limited {
    role: String,
    db: TempDb,
    first: Project,
    second: Project,
}

impl Limited {
    fn new(cluster: &Cluster) -> Self {
        let (role, db) = (unique("r"), cluster.database());
        cluster.sql(
            "postgres",
            &format!(
                "CREATE ROLE {role} LOGIN PASSWORD 'pw'; ALTER DATABASE {} OWNER TO {role}",
                db.name
            ),
        );

        cluster.sql("postgres", &format!("ALTER DATABASE {} CONNECTION LIMIT 20", db.name));
        let url = format!("postgresql://{role}:pw@127.0.0.1:{}/{}", cluster.port, db.name);

        Self { role, db, first: clone(&url), second: clone(&url) }
    }

    fn killed(&self, words: &str) {
        let migrating = self.first.dir.join("migrating");
        let _ = std::fs::remove_file(&migrating);
        self.first.write(
            "migrate",
            "psql -qX -c 'CREATE TABLE half (id int)'; touch migrating; sleep 60",
        );

        let mut killed = self.first.command(words).spawn().unwrap();
        until("it migrates", || migrating.exists());
        signal(&killed, "KILL");
        killed.wait().unwrap();
        // its own journal is gone, as with a container's file system
        std::fs::remove_file(self.first.dir.join(".db-tasks/unfinished.json")).unwrap();
    }

    fn limit(&self, cluster: &Cluster) -> String {
        cluster.sql(
            "postgres",
            &format!("SELECT datconnlimit FROM pg_database WHERE datname = '{}'", self.db.name),
        )
    }

    fn ends(self, cluster: &Cluster) {
        drop(self.db);
        cluster.sql("postgres", &format!("DROP ROLE {}", self.role));
    }
}

#[test]
fn a_limit_of_ones_own_outlives_what_was_left_half_made() {
    let cluster = need!("postgresql", cluster());
    let limited = Limited::new(cluster);
    let (db, second) = (&limited.db.name, &limited.second);

    // an empty one, half prepared
    limited.killed("db-prepare");
    assert_ne!(limited.limit(cluster), "20");
    second.ok("db-prepare");
    assert_eq!(
        [limited.limit(cluster), cluster.sql(db, "SELECT count(*) FROM people")],
        ["20", "0"]
    );

    let backup = second.backup();
    let restore = format!("db-restore --file {} --yes", backup.display());

    // one that a reset has emptied
    limited.killed("db-reset --force");
    assert_ne!(limited.limit(cluster), "20");
    second.ok(&format!("{restore} --in-place"));
    assert_eq!(limited.limit(cluster), "20");
    limited.killed("db-reset --force");

    cluster.sql("postgres", &format!("ALTER ROLE {} CREATEDB", limited.role));
    second.ok(&restore);
    assert_eq!(limited.limit(cluster), "20");
    second.ok("db-undo --yes");
    second.ok("db-undo --yes");

    assert_eq!(limited.limit(cluster), "20");
    limited.ends(cluster);
}

#[test]
fn what_is_restored_over_what_was_half_prepared_is_whole() {
    let cluster = need!("postgresql", cluster());
    let limited = Limited::new(cluster);
    let (db, second) = (&limited.db.name, &limited.second);

    cluster.sql(
        db,
        &format!(
            "SET ROLE {}; CREATE TABLE people (id int); INSERT INTO people VALUES (1)",
            limited.role
        ),
    );

    let backup = second.backup();
    cluster.sql(db, "DROP TABLE people");

    let of_another_folder = limited.first.dir.join("dump.sql.zst");
    std::fs::rename(backup, &of_another_folder).unwrap();
    limited.killed("db-prepare");

    second.ok(&format!(
        "db-restore --file {} --trust=role --yes --in-place",
        of_another_folder.display()
    ));
    assert_eq!(limited.limit(cluster), "20");
    second.ok("db-prepare");
    assert_eq!(cluster.sql(db, "SELECT count(*) FROM people"), "1");
    limited.ends(cluster);
}

/// A database that a reset has emptied says whose it is: the clean-up of an earlier one has nothing
/// to bring back there.
#[test]
fn what_another_reset_has_emptied_is_brought_back_by_that_one_alone() {
    let cluster = need!("postgresql", cluster());
    let limited = Limited::new(cluster);
    let (db, first, second) = (&limited.db.name, &limited.first, &limited.second);
    let says = "the shop\nof 2026";

    cluster.sql("postgres", &format!("COMMENT ON DATABASE {db} IS '{says}'"));
    cluster.sql(
        db,
        &format!(
            "SET ROLE {}; CREATE TABLE people (id int); INSERT INTO people VALUES (1)",
            limited.role
        ),
    );

    let comment = || {
        cluster.sql(
            "postgres",
            &format!(
                "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = \
                 '{db}'"
            ),
        )
    };

    let reset_is_killed = |project: &Project, migrates: &str| {
        let migrating = project.dir.join("migrating");
        let _ = std::fs::remove_file(&migrating);
        project.write("migrate", format!("psql -qX -c {migrates:?}; touch migrating; sleep 60"));
        let mut killed = project.command("db-reset --force").spawn().unwrap();
        until("it migrates", || migrating.exists());
        signal(&killed, "KILL");
        killed.wait().unwrap();
    };

    // a migrator that takes one mark away, be it the number or the comment, takes the other one not
    for taken in
        ["SELECT 1", "ALTER DATABASE x CONNECTION LIMIT 7", "COMMENT ON DATABASE x IS 'mine'"]
    {
        // the first's reset is cut off; the second mends it by hand, and goes on
        reset_is_killed(first, "CREATE TABLE half (id int)");
        assert!(comment().starts_with("db-tasks: emptied by db-reset (db-tasks"), "{}", comment());

        let watched = second.fails("db-status --check", 1, "needs a look");
        let told = "is incomplete: a reset emptied it (db-reset (db-tasks/";
        assert!(
            watched.out.contains(told) && watched.out.contains(&first.dir.display().to_string()),
            "{}",
            watched.out
        );

        let of_the_first = first
            .files()
            .into_iter()
            .filter(|file| file.extension().is_some_and(|e| e == "zst"))
            .max()
            .unwrap();

        second.ok(&format!(
            "db-restore --file {} --trust=role --yes --in-place",
            of_the_first.display()
        ));
        assert_eq!(
            (comment(), limited.limit(cluster)),
            (says.to_owned(), "20".to_owned()),
            "{taken}"
        );

        cluster.sql(db, &format!("SET ROLE {}; INSERT INTO people VALUES (2)", limited.role));
        let before = cluster.fingerprint(db);

        reset_is_killed(second, &taken.replace('x', db));
        let said = first.ok("db-repair");
        let people = "SELECT count(*) FROM pg_class WHERE relname = 'people'";

        assert_eq!(cluster.sql(db, people), "0", "{taken}: {}", said.err);
        second.ok("db-repair");
        same(&cluster.fingerprint(db), &before);

        assert_eq!(
            (comment(), limited.limit(cluster)),
            (says.to_owned(), "20".to_owned()),
            "{taken}"
        );
    }

    assert_eq!(first.ok("db-repair").out.trim(), "nothing to repair");
    limited.ends(cluster);
}

/// What somebody has done since a run was killed, by the run's own rules or past them, is undone by
/// no clean-up of that run.
#[test]
fn a_late_repair_undoes_nothing_that_others_have_done_since() {
    let cluster = need!("postgresql", cluster());

    for since in
        [&["db-undo --yes", "db-restore --latest --yes"][..], &["db-undo --yes", "db-undo --yes"]]
    {
        let (db, first, second) = cut_off(cluster, "");
        let db = &db.name;
        since.iter().for_each(|words| drop(second.ok(words)));
        cluster.sql(db, "SET ROLE app; CREATE TABLE since AS SELECT 1 AS id");

        let before = cluster.fingerprint(db);

        // a cron job's backup cleans up first, without a question
        let said = first.ok("db-backup --auto");
        let told =
            format!("`{db}` stays as it is: somebody undid or replaced what this run did there");
        assert!(said.err.contains(&told), "{since:?}: {}", said.err);
        same(&cluster.fingerprint(db), &before);
        assert_eq!(orders(cluster, &format!("{db}__previous")), "7", "{since:?}");

        assert_eq!(first.ok("db-repair").out.trim(), "nothing to repair");
        // what it had held is anybody's to undo and to replace now
        second.ok("db-undo --yes");
        assert_eq!(orders(cluster, db), "7", "{since:?}");
        second.ok("db-restore --latest --yes");
    }
}

/// What a clean-up has put aside for a look is no backup: that it goes is said.
#[test]
fn what_was_left_for_a_look_does_not_go_without_a_word() {
    let cluster = need!("postgresql", cluster());
    let (db, first, second) = cut_off(cluster, "");
    cluster.sql(&db.name, "SET ROLE app; CREATE TABLE since AS SELECT 1 AS id");
    first.ok("db-repair");

    let goes =
        format!("`{}__failed`, left by a failed run for you to look at, will be dropped", db.name);
    assert!(second.ok("db-reset --force").err.contains(&goes));
    assert!(!second.ok("db-reset --force").err.contains(&goes));
}

/// A psql whose session ends after the COMMIT that takes a database's mark away, before it could
/// say so.
fn unheard(cluster: &Cluster, project: &Project) -> String {
    let script = format!(
        "heard=$(mktemp); tee \"$heard\" | {} \"$@\"; code=$?\nif grep -q '^ALTER DATABASE .* \
         CONNECTION LIMIT -1;' \"$heard\"; then code=2; echo 'server closed the connection' >&2; \
         fi\nrm \"$heard\"; exit $code",
        cluster.bin.join("psql").display()
    );

    let bin = project.shim("psql", &script);
    std::os::unix::fs::symlink(cluster.bin.join("pg_dump"), bin.join("pg_dump")).unwrap();

    bin.display().to_string()
}

#[test]
fn a_copy_that_has_arrived_unheard_stays() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    project.backup();

    let copy = format!("{}_copy", db.name);
    let bin = unheard(cluster, &project);
    let said = project
        .command(&format!("db-restore --latest --as {copy}"))
        .env("DB_TASKS_PG_BIN", bin)
        .output()
        .unwrap();

    let said = super::Said::of(said)
        .ends_with(1, &format!("`{copy}` stays as it is: it has no mark of a run"));
    assert!(said.err.contains("server closed the connection"), "{}", said.err);
    assert_eq!(cluster.sql(&copy, "SELECT count(*) FROM people"), "500");
    project.ok("db-repair").ends_with(0, "nothing to repair");
}

#[test]
fn what_was_prepared_unheard_is_not_said_to_be_gone() {
    let cluster = need!("postgresql", cluster());
    for there in [true, false] {
        let db = cluster.database();
        let hooks = "[hooks]\nmigrate = \"psql -qX -c 'CREATE TABLE m (i int)'\"\n";
        let config =
            format!("[databases.main]\npostgres = {{ url = \"${{DATABASE_URL}}\" }}\n{hooks}");
        let project = Project::new(&config).env("DATABASE_URL", &db.url);

        if !there {
            cluster.sql("postgres", &format!("DROP DATABASE {}", db.name));
        }

        let bin = unheard(cluster, &project);
        let said = project.command("db-prepare").env("DB_TASKS_PG_BIN", bin).output().unwrap();
        let said = super::Said::of(said)
            .ends_with(1, &format!("`{}` stays as it is: it has no mark of a run", db.name));

        assert!(!said.err.contains("removed again"), "{}", said.err);
        assert_eq!(cluster.sql(&db.name, "SELECT count(*) FROM m"), "0");
        project.ok("db-repair").ends_with(0, "nothing to repair");
    }
}
