//! Managed servers, where nobody is a superuser, and dumps that name roles which a server does not
//! have.

use std::fs;
use std::path::Path;

use super::Project;
use crate::support::cluster::{Cluster, TempDb, cluster};
use crate::support::component::unique;
use crate::support::need;

/// A dump of production, whose roles have gone since: a laptop never had them.
struct Production {
    /// The backup, with its manifest beside it.
    folder: tempfile::TempDir,
    backup: String,
    /// The same as pg_dump makes it: plain, and its custom format.
    plain: String,
    custom: String,
    roles: [String; 3],
}

const CONFIG: &str =
    "[project]\nname = \"shop\"\n[databases.main]\npostgres = { url = \"${DATABASE_URL}\" }\n";
const KEYS: &str = "[restore]\nno-owner = true\nno-privileges = true\n";

impl Production {
    fn new(cluster: &Cluster) -> Self {
        Self::with(cluster, "")
    }

    fn with(cluster: &Cluster, more: &str) -> Self {
        let roles = ["owner", "web", "robot"].map(unique);
        let [owner, web, robot] = &roles;
        let db = cluster.database();

        let sql = format!(
            "CREATE ROLE {owner}; CREATE ROLE {web}; CREATE ROLE {robot}; GRANT ALL ON SCHEMA \
             public TO {owner};
             SET ROLE {owner}; CREATE TABLE orders (id int PRIMARY KEY, note text); INSERT INTO \
             orders SELECT i, 'n' || i FROM generate_series(1, 200) i;
             CREATE FUNCTION twice(i int) RETURNS int LANGUAGE sql AS 'SELECT i * 2'; CREATE VIEW \
             v AS SELECT twice(id) FROM orders;
             GRANT SELECT ON orders TO {web} WITH GRANT OPTION; GRANT UPDATE (note) ON orders TO \
             {robot}; REVOKE ALL ON FUNCTION twice FROM PUBLIC;
             ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {robot};
             RESET ROLE; SET ROLE {web}; GRANT SELECT ON orders TO {robot}; RESET ROLE; {}",
            more.replace("{web}", web)
        );

        cluster.sql(&db.name, &sql);
        let project = Project::new(CONFIG).env("DATABASE_URL", &db.socket_url);
        project.backup();

        let folder = tempfile::tempdir().unwrap();
        for file in project.files() {
            fs::copy(&file, folder.path().join(file.file_name().unwrap())).unwrap();
        }

        let backup =
            name(project.files().iter().find(|f| f.extension().unwrap() == "zst").unwrap());

        for (file, format) in [("prod.sql", "plain"), ("prod.dump", "custom")] {
            let mut dump = cluster.command("pg_dump");
            dump.args(["-F", format, "-f"]).arg(folder.path().join(file)).args(["-d", &db.name]);
            assert!(dump.status().unwrap().success());
        }

        drop((db, project));
        cluster
            .sql("postgres", &roles.each_ref().map(|role| format!("DROP ROLE {role};")).concat());

        Self { folder, backup, plain: "prod.sql".into(), custom: "prod.dump".into(), roles }
    }

    /// Its backup in a laptop's folder.
    fn laptop(&self, config: &str, db: &TempDb) -> Project {
        let project = Project::new(config).env("DATABASE_URL", &db.url);
        fs::create_dir(project.dir.join("backups")).unwrap();
        for entry in fs::read_dir(self.folder.path()).unwrap().flatten() {
            fs::copy(entry.path(), project.dir.join("backups").join(entry.file_name())).unwrap();
        }
        project
    }
}

fn name(file: &Path) -> String {
    file.file_name().unwrap().to_string_lossy().into_owned()
}

/// Who owns what, and what is granted to anybody: nothing but `app`, and nothing.
#[track_caller]
fn all_is_apps(cluster: &Cluster, db: &str) {
    let owners = "SELECT DISTINCT relowner::regrole FROM pg_class WHERE relnamespace = \
                  'public'::regnamespace UNION SELECT proowner::regrole FROM pg_proc WHERE \
                  pronamespace = 'public'::regnamespace";
    assert_eq!(cluster.sql(db, owners), "app");

    let rights = "SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = \
                  'public'::regnamespace AND relacl IS NOT NULL), (SELECT count(*) FROM \
                  pg_default_acl), (SELECT count(*) FROM pg_attribute WHERE attacl IS NOT NULL \
                  AND attrelid >= 16384)";
    assert_eq!(cluster.sql(db, rights), "0|0|0");
    assert_eq!(cluster.sql(db, "SELECT count(*), sum(id) FROM orders"), "200|20100");
}

#[test]
fn productions_dump_comes_back_without_its_roles() {
    let cluster = need!("postgresql", cluster());
    let production = Production::new(cluster);
    let backup = &production.backup;
    let db = cluster.database();

    cluster.sql(
        &db.name,
        "SET ROLE app; CREATE TABLE orders (id int, note text); INSERT INTO orders VALUES (1, \
         'live')",
    );

    let laptop = production.laptop(CONFIG, &db);

    // before anything is begun, with the line that does it
    let cure = format!("`db-restore {backup} --no-owner --no-privileges`");
    let refused = laptop.fails(&format!("db-restore {backup} --yes"), 3, &cure);
    for role in &production.roles {
        assert!(refused.err.contains(role.as_str()), "{}", refused.err);
    }

    assert!(refused.err.contains("nothing was changed"), "{}", refused.err);
    laptop.fails(
        &format!("db-restore {backup} --yes --in-place"),
        3,
        &format!("`db-restore {backup} --in-place --no-owner --no-privileges`"),
    );

    laptop.fails(
        "db-verify --deep",
        3,
        &format!("`db-verify {backup} --deep --no-owner --no-privileges`"),
    );

    laptop
        .fails(&format!("db-restore {backup} --yes --no-owner"), 3, "grants rights to roles")
        .ends_with(3, &cure);
    assert_eq!(cluster.sql(&db.name, "SELECT note FROM orders"), "live");

    // what is left out is said, to people, to programs and in the log
    let told = "left out: 3 owners and 6 rights (roles: ";
    let done = laptop.ok(&format!("db-restore {backup} --yes --no-owner --no-privileges"));
    assert!(
        done.err.contains(told)
            && production.roles.iter().all(|role| done.err.contains(role.as_str())),
        "{}",
        done.err
    );

    all_is_apps(cluster, &db.name);
    laptop.ok("db-undo --yes");
    assert_eq!(cluster.sql(&db.name, "SELECT note FROM orders"), "live");

    let log = fs::read_to_string(laptop.dir.join(".db-tasks/audit.jsonl")).unwrap();
    let line = log.lines().rfind(|line| line.contains("db-restore")).unwrap();
    assert!(line.contains("\"left_out\"") && line.contains(&production.roles[0]), "{line}");

    let json = laptop
        .ok(&format!("db-restore {backup} --yes --in-place --no-owner --no-privileges --json"))
        .out;
    let document: serde_json::Value = serde_json::from_str(&json).unwrap();
    let left: Vec<_> = document["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|step| step.get("left_out"))
        .collect();

    assert!(
        left.iter().any(|left| left["roles"].to_string().contains(&production.roles[1])),
        "{json}"
    );
    all_is_apps(cluster, &db.name);

    // such a trial is none of the whole backup
    laptop.ok(&format!("db-verify {backup} --deep --no-owner --no-privileges"));
    let listed = laptop.ok("db-list").out;
    assert!(listed.contains("verified") && !listed.contains("verified deep"), "{listed}");
    assert!(laptop.ok(&format!("db-info {backup}")).out.contains("without owners and rights"));
}

/// Once in the file, it is so for every command that loads a dump.
#[test]
fn a_laptop_says_it_once() {
    let cluster = need!("postgresql", cluster());
    let production = Production::new(cluster);
    let db = cluster.database();
    let plain = production.laptop(CONFIG, &db);

    plain.fails("db-prepare", 3, "`no-owner = true` and `no-privileges = true` in `[restore]`");
    let laptop = production.laptop(&format!("{CONFIG}{KEYS}"), &db);
    laptop.ok("db-prepare");
    all_is_apps(cluster, &db.name);
    laptop.ok("db-verify --deep");

    laptop.ok("db-restore --latest --any-database --yes");
    all_is_apps(cluster, &db.name);

    let copy = format!("{}_copy", db.name);
    laptop.ok(&format!("db-restore --latest --as {copy}"));
    all_is_apps(cluster, &copy);

    let config = laptop.ok("db-config").out;
    assert!(
        config.contains("restore.no-owner") && config.contains("restore.no-privileges"),
        "{config}"
    );
}

/// Files of pg_dump's without a manifest: by the project's role, by one of the run's own, and by
/// pg_restore.
#[test]
fn a_foreign_dump_comes_back_without_its_roles() {
    let cluster = need!("postgresql", cluster());
    let production = Production::new(cluster);
    for file in [&production.plain, &production.custom] {
        for superuser in [false, true] {
            let db = cluster.database();
            let mut laptop = production.laptop(CONFIG, &db);
            if superuser {
                laptop = laptop.env("DATABASE_URL", &db.socket_url);
            }

            let trust = if superuser { "" } else { " --trust=role" };
            let line =
                format!("db-restore --file backups/{file}{trust} --no-owner --no-privileges");

            laptop.fails(
                &format!("db-restore --file backups/{file} --yes{trust}"),
                3,
                &format!("`{line}`"),
            );

            laptop.ok(&format!("{line} --yes")).ends_with(0, "left out: ");
            assert_eq!(cluster.sql(&db.name, "SELECT count(*), sum(id) FROM orders"), "200|20100");

            let strangers = "SELECT count(*) FROM pg_class WHERE relnamespace = \
                             'public'::regnamespace AND relacl IS NOT NULL";
            assert_eq!(cluster.sql(&db.name, strangers), "0");
        }
    }
}

/// A policy for a role that is missing can't be left out: it would show rows to others, or to
/// nobody.
#[test]
fn what_a_policy_names_must_be_there() {
    let cluster = need!("postgresql", cluster());
    let production = Production::with(
        cluster,
        "ALTER TABLE orders ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON orders TO {web} USING \
         (id > 1);",
    );

    let web = &production.roles[1];
    let db = cluster.database();
    let laptop = production.laptop(&format!("{CONFIG}{KEYS}"), &db);
    let refused =
        laptop.fails("db-restore --latest --any-database --yes", 3, "policies or user mappings");

    assert!(refused.err.contains(&format!("CREATE ROLE \"{web}\";")), "{}", refused.err);
    cluster.sql("postgres", &format!("CREATE ROLE {web}"));
    laptop.ok("db-restore --latest --any-database --yes");
    assert_eq!(cluster.sql(&db.name, "SELECT count(*), sum(id) FROM orders"), "200|20100");
    drop(db);

    cluster.sql("postgres", &format!("DROP ROLE {web}"));
}

/// A provider's server: the role owns its database and may make others, and is no superuser. An
/// extension, which takes one, and a table are somebody else's.
fn managed() -> Result<(&'static Cluster, TempDb, Project), String> {
    let cluster = cluster()?;
    let db = cluster.database();
    cluster.try_sql(&db.name, "CREATE EXTENSION pageinspect")?;

    cluster.sql(
        &db.name,
        "SET ROLE app; CREATE EXTENSION pgcrypto; CREATE TABLE t (id int PRIMARY KEY, v text); \
         INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, 100) i;
         RESET ROLE; CREATE TABLE theirs (x int); INSERT INTO theirs VALUES (7); GRANT SELECT ON \
         theirs TO app;",
    );

    let project = Project::host(&db.url);
    Ok((cluster, db, project))
}

#[test]
fn who_is_no_superuser_is_told_before_and_gets_the_rest() {
    let (cluster, db, project) = need!("pageinspect", managed());
    let before = cluster.fingerprint(&db.name);
    let backup = name(&project.backup());
    let line = format!("`db-restore {backup} --no-owner --no-privileges`");
    let doctor = project.fails("db-doctor", 1, &line);

    assert!(
        !doctor.out.contains("GRANT"),
        "nobody is made a superuser for a restore: {}",
        doctor.out
    );

    for said in [
        "`app` is not a member of: `postgres`",
        "`app` can't create: only a superuser can: `pageinspect`",
    ] {
        assert!(doctor.err.contains(said) || doctor.out.contains(said), "{said}\n{}", doctor.out);
        project.fails(&format!("db-restore {backup} --yes"), 3, said).ends_with(3, &line);
        project.fails("db-verify --deep", 3, said);
    }

    super::same(&cluster.fingerprint(&db.name), &before);

    project.ok("db-verify --deep --no-owner --no-privileges");
    project
        .ok(&format!("db-restore {backup} --yes --no-owner --no-privileges"))
        .ends_with(0, "the extension `pageinspect`");
    assert_eq!(cluster.sql(&db.name, "SELECT count(*) FROM t"), "100");
    assert_eq!(cluster.sql(&db.name, "SELECT x FROM theirs"), "7");
    assert_eq!(
        cluster.sql(&db.name, "SELECT extname FROM pg_extension ORDER BY 1"),
        "pgcrypto\nplpgsql"
    );

    assert_eq!(
        cluster.sql(
            &db.name,
            "SELECT DISTINCT relowner::regrole FROM pg_class WHERE relname IN ('t', 'theirs')"
        ),
        "app"
    );

    // the next one has nothing of others' any more
    project.ok("db-backup --auto --label later");
    project.ok("db-restore --latest --yes");
    assert!(
        !project.run("db-doctor").out.contains("--no-owner --no-privileges"),
        "nothing is others' now"
    );
}

/// In place the extension stays, with the comment that its owner gave it; what is others' can't be
/// emptied, and is named first.
#[test]
fn in_place_what_is_others_stays_or_is_named() {
    let (cluster, db, project) = need!("pageinspect", managed());
    let backup = name(&project.backup());
    let before = cluster.fingerprint(&db.name);
    let refused = format!("db-restore {backup} --yes --in-place --no-owner --no-privileges");
    let said = project.fails(&refused, 3, "the role `app` can't empty the live database");

    assert!(
        said.err.contains("of `postgres`: `theirs`") && said.err.contains("nothing was changed"),
        "{}",
        said.err
    );

    super::same(&cluster.fingerprint(&db.name), &before);
    cluster.sql(&db.name, "ALTER TABLE theirs OWNER TO app");
    cluster.sql(&db.name, "COMMENT ON EXTENSION pageinspect IS 'ours'; DELETE FROM t");
    project.ok(&refused);
    assert_eq!(cluster.sql(&db.name, "SELECT count(*) FROM t"), "100");

    let comment = "SELECT obj_description(oid, 'pg_extension') FROM pg_extension WHERE extname = \
                   'pageinspect'";
    assert_eq!(cluster.sql(&db.name, comment), "ours");
}

/// What needs the extension that is left out makes the load fail, and nothing else.
#[test]
fn what_needs_an_extension_that_is_left_out_fails_beside_the_live_data() {
    let (cluster, db, project) = need!("pageinspect", managed());
    cluster.sql(
        &db.name,
        "CREATE VIEW pages AS SELECT get_raw_page('t', 0) AS page; ALTER VIEW pages OWNER TO app",
    );

    let backup = name(&project.backup());
    let before = cluster.fingerprint(&db.name);

    project.fails(
        &format!("db-restore {backup} --yes --no-owner --no-privileges"),
        1,
        "get_raw_page",
    );

    super::same(&cluster.fingerprint(&db.name), &before);
    assert_eq!(super::family(cluster, &db.name), std::slice::from_ref(&db.name));
    assert!(project.ok("db-list").out.contains("verified"), "nothing is wrong with the backup");
}

/// Rights stand behind the data: of a file that is too large to be read twice, they are met late,
/// and the error has the same cure.
#[test]
fn a_role_that_is_met_late_is_told_with_the_cure() {
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();
    let live = "SET ROLE app; CREATE TABLE live (a int); INSERT INTO live VALUES (1)";

    cluster.sql(&db.name, live);
    let project = Project::host(&db.url);
    // beyond what is read beforehand
    let rows: String = (0..200_000).map(|i| format!("{i}\t{:032}\n", i * 7_919)).collect();

    let dump = format!(
        "SET client_encoding = 'UTF8';\nCREATE TABLE public.t (id int, v text);\nALTER TABLE \
         public.t OWNER TO app;\nCOPY public.t (id, v) FROM stdin;\n{rows}\\.\n\nGRANT SELECT ON \
         TABLE public.t TO nobody_here;\n\n--\n-- PostgreSQL database dump complete\n--\n\n"
    );

    let file = project.write("late.sql", dump);
    let line =
        format!("`db-restore --file {} --trust=role --no-owner --no-privileges`", file.display());
    let restore = format!("db-restore --file {} --yes --trust=role", file.display());

    project.fails(&restore, 1, "role \"nobody_here\" does not exist").ends_with(1, &line);
    assert_eq!(cluster.sql(&db.name, "SELECT a FROM live"), "1");
    project
        .ok(&format!("{restore} --no-owner --no-privileges"))
        .ends_with(0, "left out: 1 owner and 1 right (roles: `app`, `nobody_here`)");
    assert_eq!(cluster.sql(&db.name, "SELECT count(*) FROM t"), "200000");
}
