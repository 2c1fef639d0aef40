//! What is wrong with a command line, a file or a server: one clear error, its cure, and nothing
//! changed.

use serde_json::{Value, json};

use super::{Bench, Call, DOCKER, HOST, facts, with_beside};

/// Runs it, and makes sure that nothing was changed anywhere.
#[track_caller]
fn refused(bench: &Bench, args: &[&str], code: i32, error: &str) {
    let before = bench.files();
    bench.forget_calls();
    bench.run(args).exits(code).only_error(error);
    assert_eq!(bench.files(), before, "{args:?}");

    let changes = |call: &Call| {
        !(call.stdin.starts_with("\\echo :VERSION_NUM")
            || matches!(call.argv[1].as_str(), "inspect" | "ps"))
    };
    assert!(!bench.calls().iter().any(changes), "{args:?}: {:#?}", bench.calls());
}

#[test]
fn no_file() {
    let bench = Bench::new(HOST);
    std::fs::remove_file(bench.dir.join("db-tasks.toml")).unwrap();

    refused(
        &bench,
        &["db-backup"],
        2,
        "there is no `db-tasks.toml` in `[DIR]` or any folder above it\n  next: create one with \
         `[databases.main]`, and `postgres = { url = \"${DATABASE_URL}\" }` below it; paths in it \
         are relative to its folder",
    );

    refused(
        &bench,
        &["db-list", "--config", "gone.toml"],
        2,
        "could not read `[DIR]/gone.toml`\n  No such file or directory (os error 2)\n  next: check \
         the path, or leave out `--config`: the nearest `db-tasks.toml` is then used",
    );
}

/// The file's text, and the whole error.
#[test]
fn files() {
    for (toml, error) in [
        (
            "[databases.main\n",
            "could not read `[DIR]/db-tasks.toml`\n  TOML parse error at line 1, column 16\n    \
             |\n  1 | [databases.main\n    |                ^\n  unclosed table, expected `]`",
        ),
        (
            "[databases.main]\ncontaner = \"pg\"\n",
            "could not read `[DIR]/db-tasks.toml`\n  TOML parse error at line 2, column 1\n    \
             |\n  2 | contaner = \"pg\"\n    | ^^^^^^^^\n  unknown field `contaner`, expected one \
             of `container`, `cluster`, `init`, `programs`, `testing`, `postgres`, `hooks`\n  \
             next: did you mean `container`?",
        ),
        (
            "[databases.main]\n[databases.main]\n",
            "could not read `[DIR]/db-tasks.toml`\n  TOML parse error at line 2, column 12\n    \
             |\n  2 | [databases.main]\n    |            ^^^^\n  duplicate key",
        ),
        (
            "[project]\nname = \"shop\"\n",
            "`[DIR]/db-tasks.toml` names no database\n  next: add `[databases.main]`, and \
             `postgres = { url = \"${DATABASE_URL}\" }` below it",
        ),
        (
            "[databases.main]\ncontainer = \"pg\"\n",
            "`[DIR]/db-tasks.toml` is wrong at line 2, column 13\n  there is no \
             `[containers.pg]`\n  next: add `[containers.pg]` with `docker = \"container-name\"`",
        ),
        (
            "[containers.db]\ndocker = \"x\"\n[databases.main]\ncontainer = \"pg\"\n",
            "`[DIR]/db-tasks.toml` is wrong at line 4, column 13\n  there is no \
             `[containers.pg]`\n  next: known are `db`",
        ),
        (
            "[containers.db]\n[databases.main]\n",
            "`containers.db` must say one of `docker` and `compose`\n  next: write \
             `[containers.db]` with `docker = \"container-name\"` or `compose = { service = \
             \"db\" }`",
        ),
        (
            "[containers.db]\ndocker = \"x\"\nstop-during = [\"backup\"]\n[databases.main]\n",
            "`[DIR]/db-tasks.toml` is wrong at line 3, column 16\n  `backup` can't stop \
             containers\n  next: use one of `restore`, `undo`, `reset`, `wipe`",
        ),
        (
            "[containers.db]\ndocker = \"x\"\nstop-during = [\"restore\", \
             \"backup\"]\n[databases.main]\n",
            "`[DIR]/db-tasks.toml` is wrong at line 3, column 27\n  `backup` can't stop \
             containers\n  next: use one of `restore`, `undo`, `reset`, `wipe`",
        ),
        (
            "[databases.main]\ncontainer = \"pg\"\ncluster = \"x\"\n",
            "`databases.main` has both `container` and `cluster`\n  next: keep the one where the \
             server runs",
        ),
        (
            "[databases.main]\npostgres = { url = \"${NOT_SET}\" }\n",
            "`[DIR]/db-tasks.toml` is wrong at line 2, column 20\n  `databases.main.postgres.url` \
             needs the variable `NOT_SET`: it is not set\n  next: set `NOT_SET` in the \
             environment or in `.env`, or write `${NOT_SET:-default}`",
        ),
        (
            "[databases.main]\npostgres = { url = \"${NOT_SET:?ask Ana for it}\" }\n",
            "`[DIR]/db-tasks.toml` is wrong at line 2, column 20\n  `databases.main.postgres.url` \
             needs the variable `NOT_SET`: ask Ana for it\n  next: set `NOT_SET` in the \
             environment or in `.env`, or write `${NOT_SET:-default}`",
        ),
        (
            "[databases.main]\npostgres = { database = \"app\", password-env = \"NOT_SET\" }\n",
            "`[DIR]/db-tasks.toml` is wrong at line 2, column 47\n  \
             `databases.main.postgres.password-env` names the variable `NOT_SET`, which is not \
             set\n  next: set `NOT_SET` in the environment or in `.env`",
        ),
        (
            "[databases.main]\npostgres = { url = \"mysql://boss:hunter22@h/app\" }\n",
            "`databases.main.postgres.url` (db-tasks.toml:2) is not a PostgreSQL connection URI\n  \
             it does not begin with `postgresql://` or `postgres://`\n  next: write it as \
             `postgresql://user:password@host:5432/database`",
        ),
        (
            "[databases.main]\npostgres = { url = \"postgresql://boss:hun/ter:22@h/app\" }\n",
            "`databases.main.postgres.url` (db-tasks.toml:2) is not a PostgreSQL connection URI\n  \
             is there an unescaped `@` or `/` in the password? write them as %40 and %2F\n  next: \
             write it as `postgresql://user:password@host:5432/database`",
        ),
        (
            "[databases.main]\n[backup]\nkeep-days = \"a week\"\n",
            "`backup.keep-days` is `a week` (db-tasks.toml:3)\n  it must be a whole number\n  \
             next: write it like `keep-days = 7`",
        ),
    ] {
        let bench = Bench::new("");
        bench.file("db-tasks.toml", toml);
        refused(&bench, &["db-backup"], 2, error);
    }
}

#[test]
fn the_backup_table() {
    for (line, error) in [
        ("compress = \"lzma\"", "unknown compression `lzma`: use zstd, gzip or none"),
        ("compress = \"gzip\"\nlevel = 10", "level 10"),
        ("level = 23", "level 23"),
        ("name = \"{database}.{ext}\"", "`name` must contain `{timestamp}` and end with `.{ext}`"),
        (
            "name = \"{db}_{timestamp}.{ext}\"",
            "`name` has `{db}`, known are `{project}`, `{environment}`, `{database}`, `{store}`, \
             `{timestamp}`, `{ext}`",
        ),
        (
            "name = \"../{timestamp}.{ext}\"",
            "`name` may have at most one folder, and must stay inside `dir`",
        ),
        (
            "timestamp = \"%Q\"",
            "`timestamp` is `%Q`, which is not a strftime format for a file name",
        ),
    ] {
        let bench = Bench::new(&format!("{HOST}[backup]\n{line}\n"));
        let said = bench.run(&["db-backup"]).exits(2);
        println!("{}", said.err);
        said.tells("error: `[backup]` in `db-tasks.toml` is wrong\n")
            .tells(error)
            .tells("\n  next: ");
        assert!(bench.calls().is_empty());
    }

    for args in [["--compress", "lzma"], ["--level", "99"], ["--level", "x"]] {
        let bench = Bench::new(HOST);
        let said = bench.run(&[&["db-backup"][..], &args].concat()).exits(2);
        assert_eq!(said.out, "");
        assert_eq!(bench.files().len(), 1, "{:?}", bench.files());
    }
}

#[test]
fn names_on_the_command_line() {
    let bench = Bench::new(HOST);
    bench.with_backup();
    refused(
        &bench,
        &["db-backup", "--database", "mian"],
        2,
        "`db-tasks.toml` has no database `mian`\n  next: known are `main`",
    );

    refused(
        &bench,
        &["db-restore", "nothing", "--yes"],
        2,
        "there is no backup `nothing` in `[DIR]/backups`\n  next: `db-list` shows their names; \
         `--file PATH` takes a file from anywhere",
    );

    refused(
        &bench,
        &["db-restore", "--file", "gone.sql", "--yes"],
        2,
        "could not open the backup `gone.sql`\n  No such file or directory (os error 2)\n  next: \
         check the path; `db-list` shows the known backups",
    );

    let two =
        Bench::new(&format!("{HOST}[databases.more]\npostgres = {{ database = \"more\" }}\n"));
    refused(
        &two,
        &["db-undo", "--yes"],
        2,
        "the project has more than one database\n  next: select one with `--database`: `main`, \
         `more`",
    );
}

#[test]
fn servers_and_programs() {
    let bench = Bench::new(&HOST.replace("../bin", "../nowhere"));
    let said = bench.run(&["db-backup"]).exits(1);
    said.tells("error: could not start `[DIR]/../nowhere/psql`\n")
        .tells("\n  next: install the PostgreSQL client (Debian: ");

    let bench = Bench::new(HOST);
    bench.complains(
        "psql",
        2,
        "psql: error: connection to server at \"localhost\" (127.0.0.1), port 5432 failed: \
         Connection refused\n",
    );

    refused(
        &bench,
        &["db-backup"],
        1,
        "connection to server at \"localhost\" (127.0.0.1), port 5432 failed: Connection \
         refused\n  could not ask the server at `localhost` about `app`\n  next: start the \
         server, or check host and port (`db-config` shows where each comes from)",
    );

    let bench = Bench::new(HOST);
    let mut none = facts("app");
    none["databases"] = json!([]);
    bench.facts("app", none);

    refused(
        &bench,
        &["db-backup"],
        1,
        "there is no database `app` on the server (localhost)\n  next: check its name \
         (`db-config` shows where it comes from), or create it",
    );
}

#[test]
fn containers() {
    let bench = Bench::new(DOCKER);
    bench.stage("containers/shop-pg", "exited\n");
    refused(
        &bench,
        &["db-backup"],
        1,
        "the container `shop-pg` is not running: it is exited\n  next: start it: `docker start \
         shop-pg`; if it does not stay up, `docker logs shop-pg` says why",
    );

    let bench = Bench::new(&DOCKER.replace("shop-pg", "gone-pg"));
    refused(
        &bench,
        &["db-backup"],
        1,
        "Error response from daemon: No such container: gone-pg\n  could not look at the \
         container `gone-pg`\n  next: start the container, or check its name in `[containers]` \
         (`docker ps -a`)",
    );

    for code in [126, 127] {
        let bench = Bench::new(DOCKER);
        bench.complains(
            "exec",
            code,
            "OCI runtime exec failed: exec: \"psql\": executable file not found in $PATH: \
             unknown\n",
        );
        refuses_asking(&bench);
    }
}

/// Docker's own failure is told as such.
#[track_caller]
fn refuses_asking(bench: &Bench) {
    let before = bench.files();
    bench.run(&["db-backup"]).exits(1).only_error(
        "OCI runtime exec failed: exec: \"psql\": executable file not found in $PATH: unknown\n  \
         could not ask the server in the container `shop-pg` about `app`\n  next: the container \
         has no PostgreSQL client: use the server's own container",
    );
    assert_eq!(bench.files(), before);
}

/// What keeps a restore from swapping is said before anything is touched.
#[test]
fn roles_and_what_holds_a_database() {
    type Change = fn(&mut Value);

    let cases: [(Change, &str); 4] = [
        (
            |f| f["role"]["createdb"] = false.into(),
            "the role `boss` can't create databases\n  a restore loads into a new database next to \
             the live one, and swaps them once it is verified\n  next: have an administrator run \
             `ALTER ROLE \"boss\" CREATEDB`, or connect as another role; or `db-restore \
             --in-place`, which backs up first",
        ),
        (
            |f| f["databases"][0]["owner"] = "ana".into(),
            "the role `boss` does not own `app`, so it can't rename it\n  next: connect as `ana` \
             or as a superuser",
        ),
        (
            |f| f["prepared"] = 1.into(),
            "`app` is held by 1 prepared transaction\n  next: end the transaction with COMMIT \
             PREPARED or ROLLBACK PREPARED (`SELECT * FROM pg_prepared_xacts`)",
        ),
        (
            |f| f["slots"] = 2.into(),
            "`app` is held by 2 logical replication slots\n  next: drop what is not needed \
             (`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots`), or stop \
             what replicates",
        ),
    ];

    for (change, error) in cases {
        let bench = Bench::new(HOST);
        bench.with_backup();
        let mut facts = facts("app");
        change(&mut facts);
        bench.facts("app", facts);
        refused(&bench, &["db-restore", "--latest", "--yes"], 3, error);
    }
}

#[test]
fn a_name_that_is_taken_and_an_undo_of_nothing() {
    let bench = Bench::new(HOST);
    bench.with_backup();
    refused(
        &bench,
        &["db-restore", "--latest", "--as", "app"],
        3,
        "the database `app` exists already\n  next: `--as` needs a free name; without it, the live \
         database is replaced",
    );

    refused(
        &bench,
        &["db-undo", "--yes"],
        1,
        "there is nothing to undo: there is no database `app__previous` on the server \
         (localhost)\n  next: `db-restore` restores a backup; `db-list` shows them",
    );
}

#[test]
fn a_database_that_only_looks_like_ours_is_left_alone() {
    let bench = Bench::new(HOST);
    bench.with_backup();

    let mut beside = with_beside(&["previous"]);
    beside["databases"][1]["comment"] = "somebody's own".into();
    bench.facts("app", beside);

    for args in [&["db-restore", "--latest", "--yes"][..], &["db-undo", "--yes"]] {
        refused(
            &bench,
            args,
            3,
            "the database `app__previous` is in the way, and db-tasks did not create it\n  next: \
             if you do not need it, drop it; otherwise give it another name: `ALTER DATABASE \
             \"app__previous\" RENAME TO …`",
        );
    }
}

#[test]
fn a_file_where_the_backup_folder_should_be() {
    let bench = Bench::new(HOST);
    bench.file("backups", "a file");
    refused(
        &bench,
        &["db-backup"],
        1,
        "could not read the backup folder `[DIR]/backups`\n  Not a directory (os error 20)\n  \
         next: choose another folder (`backup.dir`, BACKUP_DIR), or fix its permissions",
    );

    let bench = Bench::new(HOST);
    bench.file("taken", "a file");

    let said = bench.run(&["db-backup", "--output-dir", "taken/below"]).exits(1);
    assert_eq!(bench.files().len(), 2);
    said.tells("taken/below`\n").tells("\n  next: choose another folder");
}

/// Facts age while a person reads: the plan asserts them again before it begins.
#[test]
fn a_database_that_was_replaced_in_the_meantime() {
    let bench = Bench::new(HOST);
    bench.with_backup();
    bench.stage("oids", "'app'|99999\n");

    let said = bench.run(&["db-restore", "--latest", "--yes"]).exits(1);
    said.tells("ERROR:  the database of this name is not the one that was looked at\n").tells(
        "\n  next: it was changed in the meantime: run the command again and look at the new plan",
    );
    assert!(
        bench.calls().iter().all(|call| !call.stdin.contains("RENAME")),
        "nothing changed its name"
    );
    bench.run(&["db-undo", "--yes"]).exits(1);
}

/// T1: pg_dump's own status counts, whatever it has written.
#[test]
fn a_dump_that_ends_badly_is_no_backup() {
    for (code, words, cure) in [
        (
            1,
            "pg_dump: error: aborting because of server version mismatch\n",
            "install a pg_dump of the server's version or newer",
        ),
        (
            1,
            "pg_dump: error: query failed: ERROR:  permission denied for table users\n",
            "the role may not read everything",
        ),
        (0, "", ""),
    ] {
        let bench = Bench::new(HOST);
        bench.complains("pg_dump", code, words);
        if code == 0 {
            // docker may end with 0 after half of the stream (T41)
            bench.stage("dump.sql", &super::DUMP[..super::DUMP.len() / 2]);
        }
        let said = bench.run(&["db-backup"]).exits(1).has_three_parts();
        said.tells(words.trim()).tells(cure);
        assert_eq!(bench.names_in("backups"), [""; 0]);
    }
}

/// The guards can't see which host a service means.
#[test]
fn a_service_without_a_host() {
    let mut bench = Bench::new("[databases.main]\nprograms = \"../bin\"\n");
    bench.env("PGSERVICE", "elsewhere");
    bench.run(&["db-backup"]).exits(2).error(
        "`databases.main` is reached by a service (PGSERVICE), which may be on any host\n  the \
         guards must know the host before anything may be destroyed there\n  next: say where it \
         is: `postgres = { host = \"…\", database = \"…\" }` in `[databases.main]`, or unset \
         PGSERVICE",
    );
}
