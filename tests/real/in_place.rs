//! `db-restore --in-place`: the live database itself, emptied and loaded in one transaction.

use std::fs;
use std::process::Command;

use super::{Held, Project, family, same, signal, tiny_host, until};
use crate::support::cluster::{TempDb, cluster};
use crate::support::component::{output, unique};
use crate::support::server::Server;
use crate::support::{need, sample};

/// A role that owns its database and may create none, in a project of its own.
struct Weak<'a> {
    server: &'a Server,
    role: String,
    db: TempDb,
    project: Project,
}

const FILL: &str = "CREATE TYPE mood AS ENUM ('a', 'b'); CREATE DOMAIN word AS text; CREATE TYPE pair AS (a int, \
     b text); CREATE TYPE span AS RANGE (subtype = float8); CREATE SCHEMA other; CREATE COLLATION \
     own (locale = 'C'); CREATE TABLE people (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, m \
     mood, w word, p pair, s span); INSERT INTO people (m, w) VALUES ('a', 'x'), ('b', 'y'); \
     CREATE TABLE other.orders (id serial PRIMARY KEY, p int REFERENCES people); INSERT INTO \
     other.orders (p) VALUES (1), (2); CREATE TABLE split (id int) PARTITION BY RANGE (id); \
     CREATE TABLE split_1 PARTITION OF split FOR VALUES FROM (0) TO (10); INSERT INTO split \
     VALUES (1); CREATE VIEW seen AS SELECT * FROM people; CREATE MATERIALIZED VIEW counted AS \
     SELECT count(*) FROM people; CREATE STATISTICS pairs ON m, w FROM people; CREATE FUNCTION \
     f(pair) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE PROCEDURE g() LANGUAGE sql AS 'SELECT \
     1'; CREATE AGGREGATE last_of(int) (SFUNC = int4larger, STYPE = int); CREATE OPERATOR === \
     (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq); CREATE TEXT SEARCH CONFIGURATION plain \
     (COPY = simple); CREATE PUBLICATION p FOR TABLE people; CREATE SEQUENCE loose; SELECT \
     lo_from_bytea(0, 'large');";
/// All of a kind that the backup does not know.
const LATER: &str = "DROP SCHEMA other CASCADE; CREATE TABLE later (a int); INSERT INTO later \
                     VALUES (1); CREATE SEQUENCE loose_2; CREATE DOMAIN later_word AS text; \
                     CREATE FUNCTION later_f() RETURNS int LANGUAGE sql AS 'SELECT 2'; CREATE \
                     SCHEMA later_s; CREATE PUBLICATION later_p FOR TABLE people; CREATE OPERATOR \
                     ==== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq); DELETE FROM split; \
                     ALTER TABLE people ADD later int; SELECT lo_from_bytea(0, 'larger');";

impl<'a> Weak<'a> {
    fn new(server: &'a crate::support::cluster::Cluster) -> Self {
        let db = server.database();
        let role = unique("r");
        let rights = format!("ALTER DATABASE {} OWNER TO {role}", db.name);
        server.sql("postgres", &format!("CREATE ROLE {role} LOGIN PASSWORD 'pw'; {rights}"));
        server.sql(&db.name, &format!("SET ROLE {role}; {FILL}"));
        let project =
            Project::host(&format!("postgresql://{role}:pw@127.0.0.1:{}/{}", server.port, db.name));
        Self { server, role, db, project }
    }

    fn sql(&self, sql: &str) {
        self.server.sql(&self.db.name, &format!("SET ROLE {}; {sql}", self.role));
    }

    /// Its role goes with it.
    fn ends(self) {
        drop(self.db);
        self.server.sql("postgres", &format!("DROP ROLE {}", self.role));
    }
}

#[test]
fn a_role_that_may_create_no_database_restores_in_place() {
    let cluster = need!("postgresql", cluster());
    let weak = Weak::new(cluster);
    let (db, project) = (&weak.db.name, &weak.project);
    let wanted = cluster.fingerprint(db);
    let first = project.backup();

    weak.sql(LATER);
    let changed = cluster.fingerprint(db);
    let restore = format!("db-restore {} --yes", first.file_name().unwrap().to_string_lossy());

    project.fails(&restore, 3, "or `db-restore --in-place`, which backs up first");
    let before = project.files().len();
    let said = project.ok(&format!("{restore} --in-place --dry-run"));

    assert!(
        said.out.contains("in place of all that is in") && project.files().len() == before,
        "{}",
        said.out
    );

    let said = project
        .ok(&format!("{restore} --in-place"))
        .ends_with(0, "the old data is in the backup: db-restore ");
    same(&cluster.fingerprint(db), &wanted);
    assert_eq!(project.files().len(), before + 2, "a backup first");

    // what it says at its end is the way back
    let back = said.err.split("in the backup: ").nth(1).unwrap().lines().next().unwrap();
    project.ok(&format!("{back} --yes"));
    same(&cluster.fingerprint(db), &changed);
    assert_eq!(family(cluster, db), std::slice::from_ref(db));
    weak.ends();
}

#[test]
fn in_place_everything_comes_back_that_a_dump_can_hold() {
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();
    sample::rich(cluster, &db.name);

    let project = Project::host(&db.socket_url);
    let wanted = cluster.fingerprint(&db.name);
    let first = project.backup();

    cluster.sql(
        &db.name,
        "DROP SCHEMA shop CASCADE; CREATE TABLE later (a int); CREATE EXTENSION IF NOT EXISTS \
         hstore",
    );

    cluster.sql(&db.name, "DROP EXTENSION hstore");
    project.ok(&format!("db-restore {} --yes --in-place", first.display()));
    same(&cluster.fingerprint(&db.name), &wanted);

    let stale = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = \
                 'public'::regnamespace AND reltuples < 0";
    assert_eq!(cluster.sql(&db.name, stale), "0", "statistics of every table");
}

/// Rights that the live database gives to what is made in it, or has given to what stays, are none
/// of the backup's: the result is the staged one's.
#[test]
fn in_place_widens_no_right() {
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();
    let nosy = unique("nosy");

    cluster.sql("postgres", &format!("CREATE ROLE {nosy}"));
    let project = Project::host(&db.socket_url);

    let before = format!(
        "CREATE TABLE secrets (x text); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT \
         1'; CREATE SEQUENCE s; CREATE TYPE mood AS ENUM ('a');
         CREATE SCHEMA inner_; CREATE EXTENSION pg_stat_statements; GRANT SELECT (query) ON \
         pg_stat_statements TO {nosy};
         ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {nosy}; ALTER DEFAULT PRIVILEGES \
         REVOKE ALL ON FUNCTIONS FROM PUBLIC;
         ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO PUBLIC; CREATE \
         TABLE open (x int);"
    );

    cluster.sql(&db.name, &before);
    let backup = project.backup();
    let wanted = cluster.fingerprint(&db.name);
    let restore = format!("db-restore {} --yes", backup.file_name().unwrap().to_string_lossy());

    let later = format!(
        "ALTER DEFAULT PRIVILEGES GRANT ALL ON TYPES TO {nosy}; ALTER DEFAULT PRIVILEGES GRANT \
         ALL ON SCHEMAS TO {nosy};
         ALTER DEFAULT PRIVILEGES FOR ROLE {nosy} GRANT ALL ON TABLES TO app; ALTER DEFAULT \
         PRIVILEGES IN SCHEMA inner_ GRANT ALL ON TABLES TO PUBLIC;
         GRANT CREATE ON SCHEMA public TO {nosy} WITH GRANT OPTION; REVOKE USAGE ON SCHEMA public \
         FROM PUBLIC;
         SET ROLE {nosy}; GRANT CREATE ON SCHEMA public TO app; RESET ROLE; ALTER SCHEMA public \
         OWNER TO {nosy};
         GRANT ALL ON pg_stat_statements TO {nosy}; GRANT UPDATE (calls) ON pg_stat_statements TO \
         PUBLIC; REVOKE SELECT ON pg_stat_statements FROM PUBLIC;
         GRANT EXECUTE ON FUNCTION pg_read_file(text), pg_stat_statements_reset(oid, oid, bigint) \
         TO {nosy};
         GRANT USAGE ON LANGUAGE plpgsql TO {nosy}; GRANT USAGE ON TYPE \"char\" TO {nosy};"
    );

    for how in [" --in-place", "", " --in-place"] {
        cluster.sql(&db.name, &later);
        project.ok(&format!("{restore}{how}"));
        same(&cluster.fingerprint(&db.name), &wanted);
    }

    cluster.drop_all(&db.name);
    cluster.sql("postgres", &format!("DROP OWNED BY {nosy}; DROP ROLE {nosy}"));
}

#[test]
fn what_goes_wrong_in_place_changes_nothing() {
    let cluster = need!("postgresql", cluster());
    let weak = Weak::new(cluster);
    let (db, project) = (&weak.db.name, &weak.project);
    let first = project.backup();

    weak.sql(LATER);
    let changed = cluster.fingerprint(db);
    let restore = format!("db-restore {} --yes --in-place", first.display());
    let unchanged = |files: usize| {
        same(&cluster.fingerprint(db), &changed);
        assert_eq!(project.files().len(), files, "{:?}", project.files());
    };
    // a damaged backup is known before the safety backup is made
    let good = fs::read(&first).unwrap();

    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    fs::write(&first, bad).unwrap();
    project.run(&restore).ends_with(1, "next: ");

    unchanged(2);
    fs::write(&first, good).unwrap();

    // what would end our transaction half way is seen before anything is touched
    let text = output(Command::new("zstd").arg("-dc").arg(&first)).unwrap();

    for (line, says) in [
        ("COMMIT AND CHAIN;", "begins or ends a transaction"),
        ("PREPARE TRANSACTION 'x';", "begins or ends a transaction"),
        ("\\! true", "psql would run"),
    ] {
        let foreign = project.write(
            "foreign.sql",
            text.replacen("CREATE TABLE", &format!("{line}\nCREATE TABLE"), 1),
        );
        project.fails(
            &format!("db-restore --yes --in-place --trust=role --file {}", foreign.display()),
            1,
            says,
        );
        unchanged(2);
    }

    // COMMIT by itself is left out, and what fails behind it takes all of it back
    let foreign = project.write(
        "foreign.sql",
        text.replacen("CREATE TABLE public.people", "COMMIT;\nCREATE TABLE nowhere.people", 1),
    );
    project.fails(
        &format!("db-restore --yes --in-place --trust=role --file {}", foreign.display()),
        1,
        "nowhere",
    );

    fs::remove_file(project.files().pop().unwrap()).unwrap();
    fs::remove_file(project.files().pop().unwrap()).unwrap();
    project.fails(&format!("{restore} --as other"), 2, "cannot be used with");
    project.fails(&format!("{restore} --trust"), 2, "`--in-place` only loads dumps");
    unchanged(2);

    // somebody whose session this role may not end
    let held = Held::new(cluster, db, "LOCK TABLE people IN ACCESS SHARE MODE");
    project.fails(&restore, 1, "lock timeout");
    drop(held);
    unchanged(4);

    // a row that came since the rows were counted is in no plan
    let hook = format!(
        "[hooks]\nbefore-restore = [\"psql\", \"-qXc\", \"INSERT INTO later VALUES \
         (2)\"]\n[databases.main]\npostgres = {{ url = \"{}\" }}\n",
        "${DATABASE_URL}"
    );

    let url = format!("postgresql://{}:pw@127.0.0.1:{}/{db}", weak.role, cluster.port);
    let hooked = Project::in_folder(&project.dir, &hook).env("DATABASE_URL", &url);
    hooked.fails(&restore, 1, "somebody writes to it");
    weak.sql("DELETE FROM later WHERE a = 2");
    unchanged(6);

    weak.ends();
}

#[test]
fn in_place_takes_one_database() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    let config = "[databases.main]\npostgres = { url = \"${DATABASE_URL}\" \
                  }\n[stores.files]\nfiles = { path = \"tree\" }\n[backup]\nname = \
                  \"b_{timestamp}/{store}.{ext}\"\n";
    let project = Project::in_folder(&project.dir, config).env("DATABASE_URL", &db.url);

    fs::create_dir(project.dir.join("tree")).unwrap();
    project.backup();
    project.fails("db-restore --latest --yes --in-place", 2, "select it with `--only`");
    project.ok("db-restore --latest --yes --in-place --only main");
}

/// How a database shows names is its own matter: they are compared as they are kept.
#[test]
fn names_are_compared_whatever_the_database_quotes() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    cluster.sql("postgres", &format!("ALTER DATABASE {} SET quote_all_identifiers = on", db.name));
    project.backup();
    cluster.sql(&db.name, "DELETE FROM orders");

    project.ok("db-restore --latest --in-place --yes");

    assert_eq!(cluster.sql(&db.name, "SELECT count(*) FROM orders"), "300");
    project.ok("db-restore --latest --yes");
    project.ok("db-verify --deep");
}

const HOOKS: &str = "[hooks]\nmigrate = { run = [\"psql\", \"-qX\", \"-v\", \"ON_ERROR_STOP=1\", \
                     \"-f\", \"migrate.sql\"] }\n";

impl Weak<'_> {
    /// The same with a migrator.
    /// A reset that is killed in its migrator, when it has emptied the database.
    fn is_cut_off(&self) {
        self.migrated_by("CREATE TABLE users (id int);\n\\! touch half\nSELECT pg_sleep(60);");
        let mut killed = self.project.command("db-reset --force").spawn().unwrap();
        until("it is half made", || self.project.dir.join("half").exists());
        signal(&killed, "KILL");
        killed.wait().unwrap();

        let end = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
            self.db.name
        );
        self.server.sql("postgres", &end);
    }

    fn migrated_by(&self, migrate: &str) {
        let config = fs::read_to_string(self.project.dir.join("db-tasks.toml")).unwrap();
        self.project.write("db-tasks.toml", config.replace(HOOKS, "") + HOOKS);
        self.project.write("migrate.sql", migrate);
    }
}

#[test]
fn a_role_that_may_create_no_database_resets() {
    let cluster = need!("postgresql", cluster());
    let weak = Weak::new(cluster);
    let (db, project) = (&weak.db.name, &weak.project);

    cluster
        .sql(db, "CREATE EXTENSION hstore; COMMENT ON EXTENSION hstore IS 'of an administrator'");
    cluster.sql("postgres", &format!("ALTER DATABASE {db} CONNECTION LIMIT 20"));
    weak.sql("CREATE TABLE with_hstore (h public.hstore); INSERT INTO with_hstore VALUES ('a=>1')");
    weak.migrated_by("CREATE TABLE users (id int); INSERT INTO users VALUES (1);");

    let before = cluster.fingerprint(db);

    project.fails("db-reset --force --skip-backup", 3, "without a backup this could not be undone");

    let shown = project.ok("db-reset --dry-run").out;

    for part in ["can't create databases", "as a trial", "its extensions stay as they are: hstore"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }

    same(&cluster.fingerprint(db), &before);
    let said =
        project.ok("db-reset --force").ends_with(0, "the old data is in the backup: db-restore ");

    assert_eq!(
        cluster.sql(
            db,
            "SELECT string_agg(relname, ' ') FROM pg_class WHERE relkind = 'r' AND relowner = \
             (SELECT datdba FROM pg_database WHERE datname = current_database())"
        ),
        "users"
    );

    assert_eq!(
        cluster.sql(
            "postgres",
            &format!("SELECT datconnlimit FROM pg_database WHERE datname = '{db}'")
        ),
        "20"
    );

    assert_eq!(family(cluster, db), std::slice::from_ref(db));
    let back = said.err.split("in the backup: ").nth(1).unwrap().lines().next().unwrap();
    project.ok(&format!("{back} --yes"));
    same(&cluster.fingerprint(db), &before);
    weak.ends();
}

#[test]
fn a_reset_without_createdb_that_fails_brings_the_old_data_back() {
    let cluster = need!("postgresql", cluster());
    let weak = Weak::new(cluster);
    let (db, project) = (&weak.db.name, &weak.project);
    let before = cluster.fingerprint(db);

    for (migrate, says) in [
        ("CREATE TABLE users (id int); CREATE SCHEMA s; SELECT 1/0;", "division by zero"),
        // it made nothing at all
        ("SELECT 1;", "check the migrator's output"),
    ] {
        weak.migrated_by(migrate);
        project.fails("db-reset --force", 1, says);
        same(&cluster.fingerprint(db), &before);
    }

    // what would not come back is not emptied: the role may not make this again, and only the trial
    // shows it
    cluster.sql(
        db,
        "CREATE EXTENSION hstore; CREATE TABLE public.others (a int); GRANT SELECT ON \
         public.others TO PUBLIC",
    );

    let before = cluster.fingerprint(db);
    weak.migrated_by("CREATE TABLE users (id int);");

    let said = project.fails("db-reset --force", 1, "others");
    same(&cluster.fingerprint(db), &before);
    assert!(!said.err.contains("users"), "{}", said.err);

    // rows that come between the count and the emptying are in no backup for certain
    cluster.sql(db, "DROP TABLE public.others");
    weak.migrated_by("CREATE TABLE users (id int);");

    let bin = project.shim(
        "pg_dump",
        &format!(
            "{bin}/psql -qX -d \"$DATABASE_URL\" -c 'INSERT INTO other.orders (p) VALUES (1)' && \
             exec {bin}/pg_dump \"$@\"",
            bin = cluster.bin.display()
        ),
    );

    std::os::unix::fs::symlink(cluster.bin.join("psql"), bin.join("psql")).unwrap();
    let counted = cluster.sql(db, "SELECT count(*) FROM other.orders");
    let mut command = project.command("db-reset --force");
    let said = super::Said::of(command.env("DB_TASKS_PG_BIN", &bin).output().unwrap());

    said.ends_with(1, "somebody writes to it");
    assert_eq!(
        cluster.sql(db, "SELECT count(*) FROM other.orders"),
        (counted.parse::<u32>().unwrap() + 1).to_string()
    );
    weak.ends();
}

#[test]
fn what_was_made_since_a_reset_was_cut_off_is_kept() {
    let cluster = need!("postgresql", cluster());
    let weak = Weak::new(cluster);
    let (db, project) = (&weak.db.name, &weak.project);
    let before = cluster.fingerprint(db);

    weak.is_cut_off();
    // somebody takes what is there for the new database, and goes on in it
    weak.sql("INSERT INTO users VALUES (42)");

    // nobody has asked for the old data yet, and nobody takes what is there for it
    let said = project.ok("db-backup --auto");
    assert!(said.err.contains("bring the old data of"), "{}", said.err);

    assert!(
        said.err.contains(
            "is incomplete: a reset emptied it and was interrupted, and this backup has what is \
             there now"
        ),
        "{}",
        said.err
    );

    // no rule counts that backup as a good one, so that none lets the old data's go for it
    let (all, newest) =
        (project.ok("db-list --names").out, said.out.trim().rsplit('/').next().unwrap().to_owned());
    let of_the_reset = all.lines().find(|name| **name != *newest).unwrap().to_owned();
    assert!(project.ok(&format!("db-info {newest}")).out.contains("partial"));
    project.ok("db-cleanup --keep-days 0 --min-keep 1 --yes");
    assert!(project.ok("db-list --names").out.lines().any(|name| name == of_the_reset), "{all}");

    project.ok("db-restore --latest --yes --in-place --dry-run").ends_with(0, &of_the_reset);
    let other = Project::in_folder(
        &project.dir.join("backups"),
        &fs::read_to_string(project.dir.join("db-tasks.toml")).unwrap(),
    );
    let url = &format!("postgresql://{}:pw@127.0.0.1:{}/{db}", weak.role, cluster.port);
    let other = other.env("DATABASE_URL", url);

    for words in ["db-prepare", "db-reset --force"] {
        other.fails(words, 3, "is incomplete: a reset emptied it and was interrupted");
        project.fails(words, 3, "`db-repair` brings the old data back");
    }

    assert_eq!(cluster.sql(db, "SELECT id FROM users"), "42");
    // a backup that is not there is named, and nothing is made each time that somebody asks
    let of_the_reset = project
        .files()
        .into_iter()
        .filter(|file| file.file_name().unwrap().to_string_lossy().starts_with(db));
    for file in of_the_reset.take(2).collect::<Vec<_>>() {
        let away = file.with_extension("away");
        fs::rename(&file, &away).unwrap();

        let before = project.files().len();
        let said = project.fails("db-repair", 1, "the backup with the old data can't be read");
        assert!(
            said.err.contains(&format!("/{}`", file.file_name().unwrap().to_string_lossy())),
            "{}",
            said.err
        );

        assert_eq!(project.files().len(), before);
        fs::rename(&away, &file).unwrap();
    }

    assert_eq!(cluster.sql(db, "SELECT id FROM users"), "42");
    let said = project.ok("db-repair");
    assert!(said.err.contains("its state until then is kept: "), "{}", said.err);
    same(&cluster.fingerprint(db), &before);

    let kept =
        project.files().into_iter().find(|f| f.to_string_lossy().contains("_half_made_")).unwrap();
    project.ok(&format!("db-restore {} --trust=role --yes --in-place", kept.display()));
    assert_eq!(cluster.sql(db, "SELECT id FROM users"), "42");
    // it is done once
    assert_eq!(project.ok("db-repair").out.trim(), "nothing to repair");
    weak.ends();
}

/// As the refusal advises: restored in place, after which the clean-up has nothing more to do, and
/// is not in its own way.
#[test]
fn a_reset_that_was_cut_off_may_be_mended_by_hand() {
    let cluster = need!("postgresql", cluster());
    let weak = Weak::new(cluster);
    let (db, project) = (&weak.db.name, &weak.project);
    let before = cluster.fingerprint(db);

    weak.is_cut_off();

    project.ok("db-restore --latest --yes --in-place");
    same(&cluster.fingerprint(db), &before);

    let said = project.ok("db-repair");
    assert!(!said.err.contains("another run is using the database"), "{}", said.err);
    same(&cluster.fingerprint(db), &before);
    assert_eq!(project.ok("db-repair").out.trim(), "nothing to repair");
    weak.ends();
}

#[test]
fn settings_that_the_role_may_not_carry_over_are_named_before() {
    let cluster = need!("postgresql", cluster());
    let weak = Weak::new(cluster);
    let (db, project, role) = (&weak.db.name, &weak.project, &weak.role);

    cluster.sql(
        "postgres",
        &format!(
            "ALTER ROLE {role} CREATEDB; ALTER DATABASE {db} SET work_mem = '7MB'; ALTER ROLE \
             {role} IN DATABASE {db} SET statement_timeout = '1h'"
        ),
    );

    project.backup();
    project.ok("db-restore --latest --yes");

    let secret = "do-not-show-this";
    cluster.sql(
        "postgres",
        &format!(
            "ALTER DATABASE {db} SET log_statement = 'ddl'; ALTER ROLE app IN DATABASE {db} SET \
             app.jwt = '{secret}'"
        ),
    );

    project.backup();
    let before = cluster.fingerprint(db);

    for words in ["db-restore --latest --yes", "db-reset --force"] {
        weak.migrated_by("CREATE TABLE users (id int);");
        let said = project.fails(words, 1, "this is not true");
        for part in
            ["all but log_statement, app.jwt of the role app", "nothing was changed", "--in-place"]
        {
            assert!(said.err.contains(part), "{words}: {part}: {}", said.err);
        }
        assert!(!said.err.contains(secret), "{}", said.err);
    }

    same(&cluster.fingerprint(db), &before);
    assert_eq!(family(cluster, db), [db.clone(), format!("{db}__previous")]);
    project.ok("db-restore --latest --yes --in-place");
    same(&cluster.fingerprint(db), &before);

    // beside it, what is others' is left out with a word
    let copy = unique("copy");
    cluster.sql("postgres", &format!("ALTER DATABASE {db} RESET log_statement"));
    project.backup();
    project
        .ok(&format!("db-restore --latest --yes --as {copy}"))
        .ends_with(0, "1 setting of other roles in the database");
    cluster.sql("postgres", &format!("DROP DATABASE {copy}; DROP DATABASE {db}__previous"));

    weak.ends();
}
