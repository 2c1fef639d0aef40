//! Hooks around a task: before anything is touched, the address that one gets is asked where it
//! leads.

use std::fs;

use super::{Project, family, tiny};
use crate::support::cluster::cluster;
use crate::support::need;

const MIGRATE: &str = "migrate = 'echo \"$DATABASE_URL\" >migrated; psql -qXc \"CREATE TABLE IF \
                       NOT EXISTS fresh (a int)\"'\n";

#[test]
fn a_hook_beside_a_reset_is_asked_where_it_works() {
    let cluster = need!("postgresql", cluster());
    let (db, other) = (cluster.database(), cluster.database());
    tiny(cluster, &db.name);

    for moment in ["before-reset", "after-reset", "failed-reset", "finally-reset"] {
        let hook = |url: &str| {
            format!("{moment} = {{ run = 'echo \"$DATABASE_URL\" >ran', url = \"{url}\" }}\n")
        };
        let config = |hooks: &str| {
            format!(
                "[databases.main]\npostgres = {{ url = \"${{DATABASE_URL}}\" \
                 }}\n[hooks]\n{MIGRATE}{hooks}"
            )
        };

        let project = Project::new(&config(&hook(&other.url))).env("DATABASE_URL", &db.url);
        let said = project.fails("db-reset --force", 3, "would work on another database");
        assert!(
            said.err.contains(moment) && said.err.contains("nothing was changed"),
            "{}",
            said.err
        );

        assert!(
            !project.dir.join("ran").exists() && !project.dir.join("migrated").exists(),
            "{moment}"
        );
        assert_eq!(cluster.sql(&db.name, "SELECT count(*) FROM orders"), "300", "{moment}");
        assert_eq!(family(cluster, &db.name), std::slice::from_ref(&db.name), "{moment}");

        // nobody there
        let nobody =
            format!("postgresql://app@127.0.0.1:{}/x", crate::support::cluster::free_port());
        project.write("db-tasks.toml", config(&hook(&nobody)));
        project.fails("db-reset --force", 3, "would not reach its database");
    }
}

/// Without an address of its own, such a hook gets the very one that `migrate` gets, which is
/// asked.
#[test]
fn hooks_around_a_task_get_the_address_of_those_within() {
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();
    tiny(cluster, &db.name);

    let around = "before-reset = 'echo \"$DATABASE_URL\" >before'\nafter-reset = 'echo \
                  \"$DATABASE_URL\" >after'\n";
    let config = format!(
        "[databases.main]\npostgres = {{ url = \"${{DATABASE_URL}}\" \
         }}\n[hooks]\n{MIGRATE}{around}"
    );
    let project = Project::new(&config).env("DATABASE_URL", &db.url);

    project.ok("db-reset --force");
    let said = |name: &str| fs::read_to_string(project.dir.join(name)).unwrap();
    assert_eq!((said("before"), said("after")), (said("migrated"), said("migrated")));
    project.ok("db-undo --yes");
}

/// Data is replaced by other tasks, too; a backup's hooks may tell anybody of it.
#[test]
fn an_address_of_a_hooks_own_is_asked_by_whatever_replaces_data() {
    let cluster = need!("postgresql", cluster());
    let (db, other) = (cluster.database(), cluster.database());
    tiny(cluster, &db.name);

    let project = Project::new("").env("DATABASE_URL", &db.url).env("ALLOW_DATABASE_WIPE", "true");
    let config = |hooks: &str| {
        let text = format!(
            "[databases.main]\npostgres = {{ url = \"${{DATABASE_URL}}\" }}\n[hooks]\n{hooks}"
        );
        project.write("db-tasks.toml", text)
    };

    let hook = |moment: &str, url: &str| {
        format!("{moment} = {{ run = 'echo 1 >>ran', url = \"{url}\" }}\n")
    };
    config(&hook("after-backup", &other.url));
    project.backup();
    fs::remove_file(project.dir.join("ran")).unwrap();

    for (words, moment) in [
        ("db-restore --latest --yes", "after-restore"),
        ("db-restore --latest --yes --in-place", "before-restore"),
        ("db-wipe --yes", "before-wipe"),
    ] {
        config(&hook(moment, &other.url));
        project.fails(words, 3, "would work on another database").ends_with(3, moment);
        assert!(!project.dir.join("ran").exists(), "{words}");
    }

    config(&hook("after-restore", &db.url.replace(&db.name, "{database}")));
    project.ok("db-restore --latest --yes");
    assert!(project.dir.join("ran").exists());
    config(&hook("before-undo", &other.url));
    project.fails("db-undo --yes", 3, "would work on another database");
}
