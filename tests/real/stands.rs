//! What people read when something fails: the cause first, then what state the data is in, and that
//! this is so.

use super::{Project, same, tiny, tiny_host};
use crate::support::cluster::cluster;
use crate::support::need;

/// The first line of an error.
fn cause(err: &str) -> &str {
    err.split_once("error: ").map_or("", |(_, error)| error.lines().next().unwrap_or_default())
}

#[test]
fn a_server_that_cant_be_asked_is_the_first_line() {
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();
    tiny(cluster, &db.name);

    let (before, at) = (cluster.fingerprint(&db.name), format!("127.0.0.1:{}", cluster.port));
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (url, says) in [
        (
            db.url.replace(&at, &format!("127.0.0.1:{closed}")),
            format!("port {closed} failed: Connection refused"),
        ),
        (
            db.url.replace("app:", "app:wrong"),
            "password authentication failed for user \"app\"".to_owned(),
        ),
        (db.url.replace(&db.name, "no_such_db"), "there is no database `no_such_db`".to_owned()),
    ] {
        assert_ne!(url, db.url);
        let project = Project::host(&url).env("ALLOW_DATABASE_WIPE", "true");
        project.write("x.sql", "SELECT 1;");
        // of a database that is not there, a restore makes one
        let all = [
            "db-backup --auto",
            "db-restore --file x.sql --yes",
            "db-reset --force",
            "db-wipe --yes",
            "db-undo --yes",
        ];
        for words in &all[..if says.starts_with("there is no") { 1 } else { all.len() }] {
            let said = project.run(words);
            assert_eq!(said.code, Some(1), "{words}: {}", said.err);
            assert!(cause(&said.err).contains(&says), "{words}: {}", said.err);
        }
    }

    same(&cluster.fingerprint(&db.name), &before);
}

#[test]
fn a_reset_that_came_back_says_so() {
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();
    tiny(cluster, &db.name);

    let before = cluster.fingerprint(&db.name);
    let hooks =
        "[hooks]\nmigrate = \"psql -qXc 'CREATE TABLE half (a int)'; echo no >&2; exit 3\"\n";
    let config = format!("[databases.main]\npostgres = {{ url = \"${{DATABASE_URL}}\" }}\n{hooks}");
    let project = Project::new(&config).env("DATABASE_URL", &db.url);
    let name = &db.name;

    let stands = format!(
        "error: the migrate hook failed: it ended with exit code 3\n  what was live before is \
         live again (databases {name} -> {name}__failed, {name}__previous -> {name}); what else \
         the migrate hook reaches may have changed\n  no\n"
    );

    project.fails("db-reset --force", 1, &stands);
    same(&cluster.fingerprint(name), &before);

    assert_eq!(
        cluster.sql(&format!("{name}__failed"), "SELECT count(*) FROM half"),
        "0",
        "it is where it says"
    );
}

#[test]
fn a_load_that_the_server_refuses_leaves_all_as_it_was() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    let backup = project.backup();
    let unpacked = std::process::Command::new("zstd").arg("-dc").arg(&backup).output();
    let dump =
        String::from_utf8(need!("zstd", unpacked.map_err(|e| e.to_string())).stdout).unwrap();

    // two rows of one key: the server finds it when it makes the index, after all the rows
    let row = dump.lines().find(|line| line.starts_with("1\tperson 1\t")).unwrap();
    project.write("twice.sql", dump.replace(row, &format!("{row}\n{row}")));
    cluster.sql(&db.name, "SET ROLE app; INSERT INTO people (name) VALUES ('late')");

    let before = cluster.fingerprint(&db.name);
    let copy = format!("{}_copy", db.name);

    for words in [
        "db-restore --file twice.sql --trust=role --yes".to_owned(),
        "db-restore --file twice.sql --trust=role --yes --in-place".into(),
        format!("db-restore --file twice.sql --trust=role --yes --as {copy}"),
    ] {
        let said = project.run(&words);
        let refused = words.contains("in-place") && said.code == Some(2);
        let words = words.replace(" --trust=role", "");
        let said = if refused { project.run(&words) } else { said };
        assert_eq!(said.code, Some(1), "{words}: {}", said.err);
        let error = said.err.split_once("error: ").unwrap().1;
        assert!(
            error.contains("could not create unique index")
                && cause(&said.err).contains("unique index"),
            "{words}: {error}"
        );
        assert_eq!(error.lines().nth(1), Some("  the live data is as it was"), "{words}: {error}");
        same(&cluster.fingerprint(&db.name), &before);
    }

    assert!(!cluster.exists(&copy));
}

/// A mark that says nothing true any more: whoever knows that the database is whole is told what to
/// run.
#[test]
fn the_mark_of_a_reset_can_be_taken_away() {
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();
    tiny(cluster, &db.name);

    let marked = "db-tasks: emptied by db-reset (db-tasks/6b0ae35a1e66) in /elsewhere\nit''s mine";
    cluster.sql("postgres", &format!("COMMENT ON DATABASE {} IS '{marked}'", db.name));

    let config = "[databases.main]\npostgres = { url = \"${DATABASE_URL}\" }\n[hooks]\nmigrate = \
                  \"psql -qXc 'CREATE TABLE fresh (a int)'\"\n";
    let project = Project::new(config).env("DATABASE_URL", &db.url);
    let said = project.fails(
        "db-reset --force",
        3,
        "is incomplete: a reset emptied it and was \
                                              interrupted",
    );

    let way = said
        .err
        .split("remove the mark: `")
        .nth(1)
        .and_then(|rest| rest.split('`').next())
        .unwrap()
        .to_owned();

    assert!(way.contains("IS 'it''s mine'; ALTER DATABASE"), "{way}");
    cluster.sql("postgres", &way);
    project.ok("db-reset --force");

    let comment = format!(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '{}'",
        db.name
    );
    assert_eq!(cluster.sql("postgres", &comment), "it's mine");
}
