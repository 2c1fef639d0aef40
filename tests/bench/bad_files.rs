//! Files that must not be restored: each is refused with its reason, and nothing is swapped.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::json;

use super::{Bench, DUMP, HOST};

/// Restores a file, which ends badly after no more than a load that is never committed.
#[track_caller]
fn refused(bench: &Bench, file: &str, args: &[&str], code: i32, error: &str) {
    bench.forget_calls();
    let said = bench.run(&[&["db-restore", "--file", file, "--yes"], args].concat()).exits(code);
    let error = standing(&said.err, error);
    said.error(&error);
    for call in bench.calls() {
        assert!(!call.stdin.contains("\\endif\nCOMMIT;"), "committed: {}", call.stdin);
        assert!(!call.stdin.contains("RENAME TO"), "swapped: {}", call.stdin);
    }
}

/// A run that has begun says what state the data is in, behind the cause.
fn standing(said: &str, error: &str) -> String {
    match error.split_once('\n') {
        Some((cause, rest)) if said.contains('\u{2717}') => {
            format!("{cause}\n  the live data is as it was\n{rest}")
        }
        _ => error.to_owned(),
    }
}

const CUT: &str = "it is cut short or changed: make it again, or use another backup (`db-list`); \
                   `--trust` is for hand-written scripts";

#[test]
fn foreign_files() {
    let half = &DUMP[..DUMP.find("COPY app.users").unwrap() + 200];
    let tabled = "CREATE TABLE t (a int);\n";
    let crlf = DUMP.replace('\n', "\r\n");
    let shell = DUMP.replace(
        "SET statement_timeout = 0;\n",
        "\\! touch /tmp/owned\nSET statement_timeout = 0;\n",
    );
    let with = |line: &str| {
        DUMP.replace("SET row_security = off;\n", &format!("SET row_security = off;\n{line}"))
    };

    let (create, role) = (
        with("CREATE DATABASE x;\nDROP DATABASE shop;\n\\connect x\n"),
        with("CREATE ROLE evil PASSWORD 'secret';\n"),
    );
    let newer = DUMP.replace("from database version 15.18", "from database version 16.2");

    for (file, bytes, code, error) in [
        (
            "empty.sql",
            b"".as_slice(),
            1,
            "`empty.sql` is empty\n  next: use another backup (`db-list`)".to_owned(),
        ),
        (
            "noise.sql",
            b"\x7fELF\x00\x00",
            1,
            "`noise.sql` is not an SQL dump\n  next: db-tasks restores a plain dump or an archive \
             of pg_dump, also as .gz or .zst"
                .into(),
        ),
        (
            "packed.sql",
            b"PK\x03\x04rest",
            1,
            "`packed.sql` is a zip archive\n  next: unpack it first, and restore what is in it"
                .into(),
        ),
        (
            "hand.sql",
            tabled.as_bytes(),
            1,
            format!(
                "the dump can't be used\n  no end marker: the dump is cut short after line 1\n  \
                 next: {CUT}"
            ),
        ),
        (
            "newer.sql",
            newer.as_bytes(),
            3,
            "`newer.sql` does not fit this server\n  it is from PostgreSQL 16 and the server is \
             15.18: dumps load into the same version or a newer one\n  next: restore into a newer \
             server, or try it with `--any-version` (the live database stays until the new one is \
             verified)"
                .into(),
        ),
        (
            "create.sql",
            create.as_bytes(),
            1,
            "the file has something that a dump of one database never has\n  it creates or changes \
             databases, but not as `pg_dump --create` of one database does\n  line 21: `DROP \
             DATABASE shop`: it changes a database, but not as `pg_dump --create` does\n  next: \
             make a dump of each database with `db-backup` or `pg_dump`: a restore creates the \
             database itself, and swaps it in once it is verified"
                .into(),
        ),
        (
            "role.sql",
            role.as_bytes(),
            1,
            "the file has something that a dump of one database never has\n  line 20: `CREATE ROLE \
             evil PASSWORD …`: it changes the whole server, as pg_dumpall does\n  next: read that \
             line, and use `--trust` only for a file whose author you trust"
                .into(),
        ),
        (
            "shell.sql",
            shell.as_bytes(),
            1,
            "the dump can't be used\n  psql meta-command at line 10: \\! touch /tmp/owned\n  next: \
             psql would run that line on this machine; read it, and use `--trust=psql` only for a \
             script of your own"
                .into(),
        ),
    ] {
        let bench = Bench::new(HOST);
        bench.file(file, bytes);
        refused(&bench, file, &[], code, &error);
        assert!(
            !bench.calls().iter().any(|call| call.stdin.contains("touch /tmp/owned")),
            "{file}: psql was told"
        );
    }

    for (file, text, words) in [
        ("half.sql", half, "cut short in the data of table app.users"),
        ("crlf.sql", &crlf, "ends in CRLF"),
    ] {
        let bench = Bench::new(HOST);
        bench.file(file, text);
        bench.run(&["db-restore", "--file", file, "--yes"]).exits(1).tells(words).has_three_parts();
        assert!(
            !bench
                .calls()
                .iter()
                .any(|call| call.stdin.contains("RENAME TO") || call.stdin.contains("RESET ALL"))
        );
    }
}

/// A file of ours that changed since: its checksum tells, whatever else is wrong with it.
#[test]
fn our_own_files_when_damaged() {
    for compress in ["zstd", "gzip", "none"] {
        let bench = Bench::new(HOST);
        bench.run(&["db-backup", "--compress", compress]).exits(0);

        let file =
            bench.names_in("backups").into_iter().find(|name| !name.ends_with(".json")).unwrap();
        let path = bench.dir.join("backups").join(&file);
        let whole = std::fs::read(&path).unwrap();

        bench.learn_counts();
        bench.forget_calls();

        let mut flipped = whole.clone();
        let middle = whole.len() / 2;
        flipped[middle] ^= 1;
        std::fs::write(&path, &flipped).unwrap();

        for args in [&["db-restore", &file, "--yes"][..], &["db-verify", &file]] {
            let said = bench.run(args).exits(1).has_three_parts();
            assert!(
                said.err.contains("damaged") || said.err.contains("checksum"),
                "{compress}: {}",
                said.err
            );
        }

        std::fs::write(&path, &whole[..whole.len() - 20]).unwrap();
        bench
            .run(&["db-restore", &file, "--yes"])
            .exits(1)
            .tells("is broken\n")
            .tells("its manifest says")
            .tells("next: use another one (`db-list`)");

        std::fs::remove_file(&path).unwrap();
        bench
            .run(&["db-restore", &file, "--yes"])
            .exits(1)
            .tells("is missing\n")
            .tells("next: use another one (`db-list`)");

        assert!(!bench.calls().iter().any(|call| call.stdin.contains("RENAME TO")), "{compress}");
    }
}

#[test]
fn a_failed_verification_is_remembered() {
    let bench = Bench::new(HOST);
    let name = bench.with_backup();
    let path = bench.dir.join("backups").join(&name);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;

    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    bench.run(&["db-verify", &name]).exits(1);
    assert!(bench.run(&["db-list"]).exits(0).out.contains("failed"));
    bench.run(&["db-restore", "--latest", "--yes"]).exits(1).tells("there is no good backup");
}

#[test]
fn of_another_database() {
    let bench = Bench::new(HOST);
    let name = bench.with_backup();
    bench.facts("other", super::facts("other")).stage("oids", "'other'|16384\n");
    bench.file(
        "db-tasks.toml",
        HOST.replace("\"app\"", "\"other\"").replace("databases.main", "databases.second"),
    );
    bench.run(&["db-restore", &name, "--yes"]).exits(3).only_error(
        "the backup is of the database `app`, not of `other`\n  next: choose the other one with \
         `--database`, restore next to it with `--as NAME`, or accept it with `--any-database`",
    );

    bench.run(&["db-restore", &name, "--yes", "--any-database"]).exits(0);
}

/// A backup that gzip made is as good as ours, and `--trust` takes a script of one's own.
#[test]
fn foreign_files_that_are_good() {
    let bench = Bench::new(HOST);
    bench.with_backup();

    let mut gzip = Command::new("gzip")
        .arg("-c")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();

    let mut stdin = gzip.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || stdin.write_all(DUMP.as_bytes()));
    let packed = gzip.wait_with_output().unwrap().stdout;

    feeder.join().unwrap().unwrap();
    bench.file("from prod.sql.gz", packed);
    bench
        .run(&["db-restore", "--file", "from prod.sql.gz", "--yes"])
        .exits(0)
        .tells("is a foreign file: no manifest says what it must contain");
    bench.stage("counts", "public.t|0\n");
    bench.file("hand.sql", "CREATE TABLE t (a int);\nDO $$ BEGIN END $$;\n");

    bench.run(&["db-restore", "--file", "hand.sql", "--yes", "--trust"]).exits(0);
    // psql's own commands take one word more
    bench.file("psql.sql", "CREATE TABLE t (a int);\n\\echo hello\n");
    bench
        .run(&["db-restore", "--file", "psql.sql", "--yes", "--trust"])
        .exits(1)
        .tells("psql meta-command at line 2: \\echo hello");
    bench.forget_calls();
    bench.run(&["db-restore", "--file", "psql.sql", "--yes", "--trust=psql"]).exits(0);

    assert!(!bench.calls().iter().any(|call| call.stdin.contains("\\restrict")));
}

#[test]
fn names_of_every_kind() {
    for (folder, database, label) in [
        ("my shop", "My App", "before v2 / risky"),
        ("it's", "o'clock", "it's"),
        ("\"quoted\"", "say \"hi\"", "\"x\""),
        ("Läden", "größe_ÄÖ", "vor Übergabe"),
    ] {
        let bench = Bench::named(folder, "");
        let quoted = serde_json::to_string(database).unwrap();
        bench.file("db-tasks.toml", HOST.replace("\"app\"", &quoted));
        bench.facts(database, super::facts(database));
        bench.stage("oids", format!("'{}'|16384\n", database.replace('\'', "''")));
        bench.run(&["db-backup", "--label", label]).exits(0);
        bench.learn_counts();
        bench.run(&["db-list"]).exits(0);
        bench.run(&["db-restore", "--latest", "--yes"]).exits(0);
        bench.run(&["db-verify", "--deep"]).exits(0);
        let ident = format!("ALTER DATABASE \"{}\" RENAME TO", database.replace('"', "\"\""));
        assert!(bench.calls().iter().any(|call| call.stdin.contains(&ident)), "{database}");
        let manifest =
            bench.names_in("backups").into_iter().find(|name| name.ends_with(".json")).unwrap();
        let manifest = bench.manifest(&format!("backups/{manifest}"));
        assert_eq!(
            (
                &manifest["label"],
                &manifest["artifacts"][0]["holds"]["postgresql"]["database"]["name"]
            ),
            (&label.into(), &database.into())
        );
    }
}

/// A copy of an old manifest would take the file of a good backup along, and the last one with it.
#[test]
fn a_file_that_another_manifest_names_is_not_removed() {
    let mut bench = Bench::new(HOST);
    let name = bench.with_backup();
    let manifests: Vec<String> =
        bench.names_in("backups").into_iter().filter(|file| file.ends_with(".json")).collect();
    let mut manifest: serde_json::Value = serde_json::from_str(
        &std::fs::read_to_string(bench.dir.join("backups").join(&manifests[0])).unwrap(),
    )
    .unwrap();

    manifest["created"] = "2020-01-01T00:00:00Z".into();
    bench.file("backups/app_20200101_000000.manifest.json", manifest.to_string());
    bench.env("BACKUP_RETENTION_DAYS", "1").env("BACKUP_MIN_KEEP", "1");
    bench.run(&["db-cleanup", "--yes"]).exits(0);
    assert!(bench.names_in("backups").contains(&name), "{:?}", bench.names_in("backups"));

    bench.run(&["db-verify", &name]).exits(0);
}

/// A manifest may come from anywhere: on its word nothing outside the backup folder is removed, nor
/// what is no backup in it.
#[test]
fn what_a_manifest_names_elsewhere_is_not_removed() {
    let mut bench = Bench::new(HOST);
    bench.with_backup();

    let manifests: Vec<String> =
        bench.names_in("backups").into_iter().filter(|file| file.ends_with(".json")).collect();
    let text = std::fs::read_to_string(bench.dir.join("backups").join(&manifests[0])).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_str(&text).unwrap();

    manifest["created"] = "2020-01-01T00:00:00Z".into();
    manifest.as_object_mut().unwrap().remove("digest");
    bench
        .file("precious/letter", "dear")
        .file("backups/notes", "mine")
        .file("backups/sub/deep", "mine, too");
    std::os::unix::fs::symlink("../precious", bench.dir.join("backups/link")).unwrap();

    let absolute = bench.dir.join("precious/letter").display().to_string();
    let named = [
        "../precious/letter",
        "link/letter",
        &absolute,
        "notes",
        "sub/deep",
        "./notes",
        ".",
        "..",
        "",
        "sub",
    ];

    for (number, file) in named.iter().enumerate() {
        manifest["artifacts"][0]["file"] = (*file).into();
        bench.file(
            &format!("backups/app_2020010{number}_000000.manifest.json"),
            manifest.to_string(),
        );
    }

    bench.env("BACKUP_RETENTION_DAYS", "1").env("BACKUP_MIN_KEEP", "1");

    let said = bench.run(&["db-cleanup", "--yes"]);
    bench.run(&["db-backup", "--auto"]).exits(0);

    said.exits(0).tells("its manifest names `../precious/letter`, which is not its own");

    for (file, text) in
        [("precious/letter", "dear"), ("backups/notes", "mine"), ("backups/sub/deep", "mine, too")]
    {
        assert_eq!(
            std::fs::read_to_string(bench.dir.join(file)).ok().as_deref(),
            Some(text),
            "{file}"
        );
    }
}

/// What somebody has put beside the files of a set is theirs.
#[test]
fn what_is_not_of_a_set_stays_when_it_goes() {
    let mut bench = Bench::new(HOST);
    bench.with_backup();

    let names = bench.names_in("backups");
    let (file, manifest) = (
        names.iter().find(|n| n.ends_with(".zst")).unwrap(),
        names.iter().find(|n| n.ends_with(".json")).unwrap(),
    );
    let bytes = std::fs::read(bench.dir.join("backups").join(file)).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_str(
        &std::fs::read_to_string(bench.dir.join("backups").join(manifest)).unwrap(),
    )
    .unwrap();

    manifest["created"] = "2020-01-01T00:00:00Z".into();
    manifest.as_object_mut().unwrap().remove("digest");

    for set in ["backup_20200101_000000", "backup_20200102_000000"] {
        bench
            .file(&format!("backups/{set}/{file}"), &bytes)
            .file(&format!("backups/{set}/manifest.json"), manifest.to_string());
    }

    bench.file("backups/backup_20200101_000000/letter.txt", "dear");
    bench.env("BACKUP_RETENTION_DAYS", "1").env("BACKUP_MIN_KEEP", "1");

    let said = bench.run(&["db-cleanup", "--yes"]);

    said.exits(0).tells("backup_[STAMP]` stays: it has files that are not part of the backup");
    assert_eq!(bench.names_in("backups/backup_20200101_000000"), ["letter.txt"]);
    assert!(!bench.dir.join("backups/backup_20200102_000000").exists());
}

#[test]
fn what_the_newest_good_one_is_not_is_named() {
    let bench = Bench::new(HOST);
    bench.file("backups/from-prod.sql", DUMP);

    let said = bench.run(&["db-restore", "--latest", "--yes"]).exits(1);
    said.tells("files without a manifest are ignored: `from-prod.sql`")
        .tells("name the file (`db-restore from-prod.sql`)");
    bench.file("backups/older.sql", DUMP);
    bench
        .run(&["db-verify"])
        .exits(1)
        .tells("files without a manifest are ignored: 2 files, the newest ");
}

#[test]
fn that_a_backup_is_of_another_database_is_said() {
    let bench = Bench::new(HOST);
    let name = bench.with_backup();

    let of_another = |value: &str| {
        let manifest =
            bench.names_in("backups").into_iter().find(|file| file.ends_with(".json")).unwrap();
        let path = format!("backups/{manifest}");
        let mut changed = bench.manifest(&path);
        Bench::database_in(&mut changed)["name"] = value.into();
        changed.as_object_mut().unwrap().remove("digest");
        bench.file(&path, changed.to_string());
    };

    let says = "it is of the database `shopdb`, and is loaded into `app`";
    assert!(
        !bench.run(&["db-restore", &name, "--yes"]).exits(0).err.contains("it is of the database")
    );

    of_another("shopdb");
    bench.run(&["db-restore", &name, "--yes"]).exits(0).tells(says);
}

/// A pipe that nobody writes to is waited for by nobody.
#[test]
fn what_is_no_file_is_refused() {
    let bench = Bench::new(HOST);
    assert!(Command::new("mkfifo").arg(bench.dir.join("pipe.sql")).status().unwrap().success());

    for args in [
        &["db-restore", "--file", "pipe.sql", "--yes"][..],
        &["db-verify", "./pipe.sql"],
        &["db-info", "./pipe.sql"],
    ] {
        bench.run(args).exits(2).tells("pipe.sql` is neither a file nor a folder");
    }

    bench
        .run(&["db-restore", "--file", "/dev/zero", "--yes"])
        .exits(2)
        .tells("`/dev/zero` is neither a file nor a folder");
}

/// What its manifest calls something else is tried in no database.
#[test]
fn a_dump_of_another_kind_is_not_tried() {
    let bench = Bench::new(HOST);
    let name = bench.with_backup();
    let manifest =
        bench.names_in("backups").into_iter().find(|file| file.ends_with(".json")).unwrap();
    let path = format!("backups/{manifest}");
    let mut changed = bench.manifest(&path);

    changed["artifacts"][0]["holds"] =
        json!({ "tree": { "entries": 1, "files": 0, "bytes": 0, "digest": "0" } });
    bench.file(&path, changed.to_string());
    bench.forget_calls();

    bench
        .run(&["db-verify", "--deep", &format!("./backups/{name}")])
        .exits(3)
        .tells("is not a database: its kind is files");

    assert!(!bench.calls().iter().any(|call| call.stdin.contains("CREATE DATABASE")));
}
