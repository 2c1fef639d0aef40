//! A pooler between us and the server: what a session begins with does not arrive, and what it sets
//! may stay in others' sessions.

use super::{Project, same, tiny};
use crate::support::cluster::{Cluster, TempDb, cluster};
use crate::support::need;
use crate::support::pooler::Pooler;

fn filled(cluster: &Cluster) -> TempDb {
    let db = cluster.database();
    tiny(cluster, &db.name);
    db
}

const CURE: &str = "next: a pooler is in between: use the server's own address";

/// PgBouncer as it comes takes no options.
#[test]
fn a_pooler_that_takes_no_options_is_named() {
    let cluster = need!("postgresql", cluster());
    let pooler = need!("pgbouncer", Pooler::before(cluster, "strict", "pool_mode = session"));
    let db = filled(cluster);
    let project = Project::host(&pooler.url(&db.name));

    for words in ["db-backup", "db-wipe --dry-run", "db-reset --force"] {
        project.fails(words, 1, CURE);
    }

    assert!(project.run("db-status").out.contains(CURE));
    // the direct address beside it does
    Project::host(&db.url).ok("db-backup");
}

/// One that drops them: a session's settings are seen by the application that gets it next.
#[test]
fn through_a_pooler_that_drops_options_nothing_is_changed() {
    let cluster = need!("postgresql", cluster());
    let dropping =
        "pool_mode = transaction\nignore_startup_parameters = options,extra_float_digits";
    let pooler = need!("pgbouncer", Pooler::before(cluster, "dropping", dropping));
    let db = filled(cluster);
    let project = Project::new(
        "[databases.main]\npostgres = { url = \"${DATABASE_URL}\" }\n[hooks]\nmigrate = 'true'\n",
    );

    let project =
        project.env("DATABASE_URL", &pooler.url(&db.name)).env("ALLOW_DATABASE_WIPE", "true");
    let before = cluster.fingerprint(&db.name);
    project.ok("db-backup --auto").ends_with(0, "drops our startup parameters");

    for words in [
        "db-restore --latest --yes",
        "db-restore --latest --yes --in-place",
        "db-restore --latest --yes --as beside",
        "db-reset --force",
        "db-wipe --yes",
        "db-verify --deep --yes",
    ] {
        let said = project.fails(words, 3, CURE);
        assert!(said.err.contains("nothing was changed"), "{words}: {}", said.err);
        assert!(!said.err.contains("or `db-restore --in-place`"), "{words}: {}", said.err);
    }

    same(&cluster.fingerprint(&db.name), &before);
    assert!(project.run("db-doctor").out.contains("pooler: a pooler drops our startup parameters"));

    let direct = Project::in_folder(
        &project.dir,
        "[databases.main]\npostgres = { url = \"${DIRECT_URL}\" }\n",
    );
    direct.env("DIRECT_URL", &db.url).ok("db-restore --latest --yes");
}
