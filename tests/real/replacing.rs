//! `db-prepare --replace` on a real server: contents over data that is there, guarded as a restore
//! is; and what TESTING means.

use super::{Project, family, same};
use crate::support::cluster::{Cluster, TempDb, cluster};
use crate::support::component::unique;
use crate::support::need;

const DUMP: &str = "[prepare]\ndump = \"latest.sql\"\n";

/// A project whose database has grown since `latest.sql` was made of it.
fn project(cluster: &Cluster, more: &str) -> (TempDb, Project) {
    let db = cluster.database();
    cluster.sql(
        &db.name,
        "SET ROLE app; CREATE TABLE shelf (what text); INSERT INTO shelf VALUES ('from the dump')",
    );

    let config = format!("[databases.main]\npostgres = {{ url = \"${{DATABASE_URL}}\" }}\n{more}");
    let project = Project::new(&config).env("DATABASE_URL", &db.url);
    project.write(
        "latest.sql",
        cluster
            .dump(&db.name, &["--no-owner", "--no-privileges", "--clean", "--if-exists"])
            .unwrap(),
    );

    cluster.sql(&db.name, "SET ROLE app; INSERT INTO shelf VALUES ('since')");

    (db, project)
}

fn shelf(cluster: &Cluster, db: &str) -> String {
    cluster.sql(db, "SELECT string_agg(what, ', ' ORDER BY what) FROM shelf")
}

#[test]
fn the_named_dump_takes_the_place_of_data_and_can_be_undone() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = project(cluster, DUMP);
    let before = cluster.fingerprint(&db.name);

    project.ok("db-prepare").ends_with(0, "nothing to prepare");
    project.fails("db-prepare --replace", 3, "use `--yes`");
    project.fails("db-prepare --replace --confirm other", 3, "does not name");
    project.fails("db-prepare --yes", 2, "--replace");
    project.ok("db-prepare --replace --dry-run").ends_with(0, "replace the data of");

    same(&cluster.fingerprint(&db.name), &before);
    assert_eq!(project.files(), Vec::<std::path::PathBuf>::new(), "nothing was made");

    // twice: the backup that was made before is no source
    for _ in 0..2 {
        let said = project.ok("db-prepare --replace --yes");
        assert_eq!(said.out.trim(), db.name);

        assert!(
            said.err.contains("`db-undo`")
                && said.err.contains("it is also in the backup: db-restore "),
            "{}",
            said.err
        );

        assert_eq!(shelf(cluster, &db.name), "from the dump");
        project.ok("db-undo --yes");
        same(&cluster.fingerprint(&db.name), &before);
    }

    let manifests =
        project.files().into_iter().filter(|f| f.extension().is_some_and(|e| e == "json"));
    let texts: Vec<String> = manifests.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    assert!(
        texts.len() == 2 && texts.iter().all(|text| text.contains("\"pre-restore\"")),
        "{texts:?}"
    );
}

#[test]
fn production_s_data_gives_way_to_no_preparation() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = project(cluster, DUMP);
    let before = cluster.fingerprint(&db.name);
    let project = project.env("DB_TASKS_RESTORE_PRODUCTION", &format!("{} latest.sql", db.name));
    let production = project.env("ENVIRONMENT", "production");

    production.fails("db-prepare --replace --yes", 3, "environment");
    let agent = production.env("ENVIRONMENT", "development").env("CLAUDECODE", "1");
    agent.fails("db-prepare --replace --yes", 3, "a coding agent runs this");
    same(&cluster.fingerprint(&db.name), &before);
    assert_eq!(family(cluster, &db.name), std::slice::from_ref(&db.name));
}

/// Where no dump is named, the newest backup that somebody wanted counts.
#[test]
fn a_safety_backup_replaces_nothing() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = project(cluster, "");
    project.fails("db-prepare --replace --yes", 3, "there is nothing to replace the data");
    project.backup();
    cluster.sql(&db.name, "INSERT INTO shelf VALUES ('later')");

    for _ in 0..2 {
        project.ok("db-prepare --replace --yes");
        assert_eq!(shelf(cluster, &db.name), "from the dump, since");
        cluster.sql(&db.name, "INSERT INTO shelf VALUES ('later')");
    }
}

#[test]
fn what_does_not_load_leaves_the_data_as_it_is() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = project(cluster, DUMP);
    let before = cluster.fingerprint(&db.name);
    let whole = std::fs::read_to_string(project.dir.join("latest.sql")).unwrap();

    for broken in [
        whole[..whole.len() / 2].to_owned(),
        whole.replace("COPY public.shelf", "SELECT 1/0;\nCOPY public.shelf"),
    ] {
        project.write("latest.sql", broken);
        let said = project.run("db-prepare --replace --yes");
        assert!(matches!(said.code, Some(1 | 3)), "{said:?}");
        same(&cluster.fingerprint(&db.name), &before);
        assert_eq!(family(cluster, &db.name), std::slice::from_ref(&db.name));
    }
}

#[test]
fn a_role_that_may_create_no_database_replaces_in_place() {
    let bin = need!("postgresql", crate::support::cluster::programs());
    let cluster = &need!("postgresql", Cluster::start(&bin));
    let (db, project) = project(cluster, DUMP);

    cluster.sql("postgres", "ALTER ROLE app NOCREATEDB");
    project.ok("db-prepare --replace --yes").ends_with(0, "in place");
    assert_eq!(shelf(cluster, &db.name), "from the dump");

    let backup =
        project.files().into_iter().find(|f| f.extension().is_some_and(|e| e == "zst")).unwrap();
    project.ok(&format!("db-restore {} --in-place --yes", backup.display()));
    assert_eq!(shelf(cluster, &db.name), "from the dump, since");
}

/// TESTING=true means a database for tests, as in `TESTING=true ./bouy up --with-init`.
#[test]
fn testing_means_the_database_for_tests() {
    let cluster = need!("postgresql", cluster());
    let name = unique("db");
    let (db, project) = project(cluster, &format!("testing = \"{name}_test\"\n{DUMP}"));
    let before = cluster.fingerprint(&db.name);
    let tests = format!("{name}_test");

    let project = project.env("TESTING", "true");
    assert_eq!(project.ok("db-prepare").out.trim(), tests);
    assert_eq!(shelf(cluster, &tests), "from the dump");
    cluster.sql(&tests, "INSERT INTO shelf VALUES ('by a test')");
    project.ok("db-prepare").ends_with(0, "nothing to prepare");

    project.fails("db-prepare --replace", 3, "use `--yes`");
    project.ok("db-prepare --replace --yes");
    assert_eq!(shelf(cluster, &tests), "from the dump");

    assert_eq!(
        project.files(),
        Vec::<std::path::PathBuf>::new(),
        "no backup of it is taken for the usual one's"
    );

    // any other command means the usual one, and replaces nothing while TESTING is set
    project.backup();
    for words in ["db-restore --latest --yes", "db-undo --yes"] {
        let said = project.run(words);
        assert!(matches!(said.code, Some(1 | 3)), "{words}: {said:?}");
    }

    project.fails(
        "db-restore --latest --yes",
        3,
        "TESTING is set, which means a database for tests",
    );

    same(&cluster.fingerprint(&db.name), &before);
    // one that is missing starts from the usual one's newest backup
    cluster.drop_all(&tests);
    project.ok("db-prepare");
    assert_eq!(shelf(cluster, &tests), shelf(cluster, &db.name));
    cluster.drop_all(&tests);
}

/// What somebody needs is no database for tests, whatever the file says: it would be replaced
/// without a backup.
#[test]
fn what_somebody_needs_is_no_database_for_tests() {
    let cluster = need!("postgresql", cluster());
    let (own, maintenance) = (unique("db"), unique("main"));

    for name in [
        "template1",
        "postgres",
        &format!("{own}__previous"),
        &format!("{own}__staged"),
        &maintenance,
    ] {
        let (_db, project) = project(cluster, &format!("testing = \"{name}\"\n{DUMP}"));
        let config = std::fs::read_to_string(project.dir.join("db-tasks.toml")).unwrap();
        project.write(
            "db-tasks.toml",
            config.replace("\" }", &format!("\", maintenance-database = \"{maintenance}\" }}")),
        );
        let project = project.env("TESTING", "true");
        for words in ["db-prepare", "db-prepare --replace --yes"] {
            project.fails(words, 2, &format!("`{name}` can't be a database for tests"));
        }
    }
}

/// Without a database for tests, data is filled in where none is, and never replaced.
#[test]
fn testing_without_a_database_for_it_replaces_nothing() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = project(cluster, &format!("{DUMP}[hooks]\nmigrate = \"true\"\n"));
    let before = cluster.fingerprint(&db.name);
    let project = project.env("TESTING", "1");

    project.ok("db-prepare").ends_with(0, "names no database for it");
    project.fails("db-prepare --replace --yes", 3, "means a database for tests");
    project.fails("db-reset --force", 3, "means a database for tests");
    same(&cluster.fingerprint(&db.name), &before);
    // an environment for tests is one
    project.env("ENVIRONMENT", "ci").ok("db-prepare --replace --yes");

    assert_eq!(shelf(cluster, &db.name), "from the dump");
}
