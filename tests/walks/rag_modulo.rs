//! "Database Management Scripts" of a backend with PostgreSQL, Milvus and two folders of files.

use std::fs;
use std::process::Command;

use super::{Repo, shape};
use crate::real::stores::{Tree, tree};
use crate::real::{same, until};
use crate::support::cluster::{Cluster, PASSWORD, TempDb, USER, cluster};
use crate::support::component::{missing, output, unique};
use crate::support::docker::{Engine, IMAGE, engine};
use crate::support::milvus::{Database, server};
use crate::support::server::Fingerprint;
use crate::support::{need, watchdog};

const ALLOWED: &str = "export ALLOW_DATABASE_WIPE=true;";
const NO_ROWS: &str = "DATABASE_URL=postgresql://app@127.0.0.1:9/none";
const NO_VECTORS: &str = "MILVUS_URL=http://127.0.0.1:9";
const PARTS: [&str; 5] = [
    "documents.tar.zst",
    "manifest.json",
    "podcasts.tar.zst",
    "postgres.sql.zst",
    "vectors.milvus.zst",
];

/// What the tables are when the migrations have run.
const TABLES: &str = "SET ROLE app;
    CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY); INSERT INTO \
                      alembic_version VALUES ('5f1c0de4a7b2');
    CREATE TABLE users (id serial PRIMARY KEY, email text UNIQUE NOT NULL);
    CREATE TABLE collections (id serial PRIMARY KEY, owner int NOT NULL REFERENCES users, name \
                      text);
    CREATE TABLE podcasts (id serial PRIMARY KEY, collection int REFERENCES collections, audio \
                      bytea);";

/// What people have put into them.
const ROWS: &str = "INSERT INTO users (email) SELECT 'user' || i || '@rag-modulo.example' FROM \
                    generate_series(1, 40) i;
    INSERT INTO collections (owner, name) SELECT i, 'collection ' || i FROM generate_series(1, 12) \
                    i;
    INSERT INTO podcasts (collection, audio) SELECT i, decode(md5(i::text), 'hex') FROM \
                    generate_series(1, 7) i;";

/// As the backend does it: it makes its mock user where there is none, and goes on to hold a
/// connection.
const BACKEND: &str = "trap 'exit 0' TERM
    psql $DATABASE_URL -XqAt -c \"INSERT INTO users (email) SELECT 'dev@rag-modulo.example' WHERE \
                       NOT EXISTS (SELECT FROM users)
        RETURNING 'Mock user initialized successfully: ' || id\"
    { echo \"SELECT 'ready'\"; sleep 3600; } | PGAPPNAME=rag_backend psql $DATABASE_URL -XqAt & \
                       wait";

/// The project with all that it keeps.
struct Ground {
    backend: Option<Backend>,
    cluster: &'static Cluster,
    db: TempDb,
    vectors: Database,
    repo: Repo,
}

/// All that a backup must bring back.
#[derive(PartialEq)]
struct State {
    rows: Fingerprint,
    vectors: String,
    documents: Tree,
    podcasts: Tree,
}

struct Backend {
    engine: &'static Engine,
    name: String,
}

impl Backend {
    fn up(engine: &'static Engine, cluster: &Cluster, db: &str) -> Result<Self, String> {
        let name = unique("rag-backend");
        watchdog::at_exit(&format!("DOCKER_HOST='{}' docker rm -vf {name}", engine.docker_host));

        let socket = format!("{}:/pg", cluster.dir.display());
        let url = format!(
            "DATABASE_URL=postgresql://{USER}:{PASSWORD}@/{db}?host=/pg&port={}",
            cluster.port
        );

        let run = [
            "run",
            "-d",
            "--name",
            &name,
            "--network",
            "none",
            "-v",
            &socket,
            "-e",
            &url,
            "--entrypoint",
            "sh",
        ];

        engine.docker(&[&run[..], &[IMAGE, "-c", BACKEND]].concat())?;
        Ok(Self { engine, name })
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        let _ = self.engine.docker(&["rm", "-vf", &self.name]);
    }
}

impl Ground {
    fn new(cluster: &'static Cluster, vectors: Database) -> Self {
        let db = cluster.database();
        cluster.sql(&db.name, &format!("{TABLES} {ROWS}"));
        vectors.python(r#"simple("c_manuals", 300, alias="current"); simple("c_new", 0, text=True, load=False, index=None)"#);

        let repo = Repo::of("rag-modulo");

        for (path, bytes) in [
            ("data/documents/manuals/a.pdf", vec![1; 120_000]),
            ("data/documents/faq/b.txt", b"answers".to_vec()),
            ("data/podcasts/one.mp3", vec![7; 250_000]),
        ] {
            let path = repo.dir.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }

        let mut ground = Self { backend: None, cluster, db, vectors, repo };
        ground.dotenv("");
        ground.start_backend();

        ground
    }

    /// `.env`, with what a person has added.
    fn dotenv(&self, more: &str) {
        let (database, vectors) = (&self.db.url, &self.vectors);
        let text = format!(
            "DATABASE_URL={database}\nMILVUS_URL={}\nMILVUS_DATABASE={}\n{more}",
            vectors.url(),
            vectors.name
        );
        fs::write(self.repo.dir.join(".env"), text).unwrap();
    }

    /// The backend in its container; without docker it is a process of the host that somebody
    /// stops, and the file says nothing of it.
    fn start_backend(&mut self) {
        let up = engine().and_then(|engine| Backend::up(engine, self.cluster, &self.db.name));
        match up {
            Ok(backend) => {
                self.repo.env.push(("DOCKER_HOST".into(), backend.engine.docker_host.clone()));
                self.repo.env.push(("BACKEND_CONTAINER".into(), backend.name.clone()));
                self.backend = Some(backend);
                until("the backend is connected", || self.connected());
            }
            Err(why) => {
                missing("docker", &why);
                let path = self.repo.dir.join("db-tasks.toml");
                let text = fs::read_to_string(&path).unwrap();
                let parts: Vec<&str> =
                    text.split("\n\n").filter(|part| !part.contains("[containers.")).collect();
                fs::write(path, parts.join("\n\n")).unwrap();
            }
        }
    }

    fn connected(&self) -> bool {
        let asked = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rag_backend' AND \
             datname = '{}'",
            self.db.name
        );
        self.backend.is_none() || self.cluster.sql("postgres", &asked) == "1"
    }

    fn state(&self) -> State {
        let of = |name: &str| tree(&self.repo.dir.join("data").join(name));
        State {
            rows: self.cluster.fingerprint(&self.db.name),
            vectors: self.vectors.python("pictures()"),
            documents: of("documents"),
            podcasts: of("podcasts"),
        }
    }

    #[track_caller]
    fn is(&self, wanted: &State) {
        let now = self.state();
        same(&now.rows, &wanted.rows);
        assert!(now.vectors == wanted.vectors, "a vector is another");
        assert!(now == *wanted, "a file is another");
        until("the backend is connected again", || self.connected());
    }

    fn count(&self, table: &str) -> String {
        self.cluster.sql(&self.db.name, &format!("SELECT count(*) FROM {table}"))
    }

    fn backups(&self) -> Vec<String> {
        self.repo.names("backups")
    }
}

#[test]
fn the_guide_from_top_to_bottom() {
    // the engine takes its time: meanwhile the servers start
    let started = std::thread::spawn(engine);
    let (cluster, vectors) = (need!("postgresql", cluster()), need!("milvus", server()).database());
    need!("make", output(Command::new("make").arg("--version")));
    need!("script", crate::bench::terminal::available());
    drop(started.join());

    let ground = Ground::new(cluster, vectors);
    let before = ground.state();
    safety(&ground);
    ground.is(&before);
    wiped(&ground, &before);

    restored(&ground, &before);
    parts(&ground, &before);
    best_practices(&ground);
    troubleshooting(&ground);
    staging(&ground);

    ground.is(&State { vectors: String::new(), ..before });
}

/// "Multi-Layer Safety System": what is looked at, refused and declined changes nothing.
fn safety(ground: &Ground) {
    let repo = &ground.repo;
    // 3. the dry run needs no pin, and shows exactly what will be deleted
    let dry = repo.ok("scripts/wipe_database --dry-run --verbose").out;

    for (what, how) in [
        ("public.users", "40  emptied"),
        ("public.collections", "12  emptied"),
        ("public.alembic_version", "1  kept: a migration ledger"),
        ("c_manuals", "300  dropped"),
        ("c_new", "0  dropped"),
        ("data/documents", "4  emptied"),
        ("data/podcasts", "1  emptied"),
        ("REFUSE", "pin: `ALLOW_DATABASE_WIPE` is not set"),
    ] {
        assert!(
            dry.lines().any(|line| line.contains(what) && line.contains(how)),
            "{what} {how}:\n{dry}"
        );
    }

    assert_eq!(ground.backups().len(), 0);

    // 1. the pin, which a file can't pull
    for flags in ["--yes", "--backup --yes", "--files-only --yes"] {
        repo.fails(&format!("scripts/wipe_database {flags}"), 3, "ALLOW_DATABASE_WIPE");
    }

    ground.dotenv("ALLOW_DATABASE_WIPE=true\n");

    for exported in ["", "ALLOW_DATABASE_WIPE=true "] {
        let words = format!("{exported}scripts/wipe_database --yes");
        repo.fails(
            &words,
            3,
            "`ALLOW_DATABASE_WIPE=true` is set in `.env`: a safety pin counts only if it is set for one run",
        );
    }

    ground.dotenv("");
    repo.fails(
        "ALLOW_DATABASE_WIPE=false scripts/wipe_database --yes",
        3,
        "is set, but not to `true`",
    );

    // 2. production, whichever way it is said
    repo.fails(
        &format!("{ALLOWED} ENVIRONMENT=production scripts/wipe_database --backup --yes"),
        3,
        "environment is `production`",
    );

    ground.dotenv("ENVIRONMENT=production\n");
    repo.fails(&format!("{ALLOWED} scripts/wipe_database --yes"), 3, "no flag lifts this");
    repo.ok("scripts/wipe_database --dry-run").ends_with(0, "REFUSE  environment");
    ground.dotenv("");

    // 5. the question: names to type, and nobody who could be asked is no yes
    repo.fails(&format!("{ALLOWED} scripts/wipe_database --backup"), 3, "use `--yes`");
    repo.typed(&format!("{ALLOWED} scripts/wipe_database --backup"), "yes\n")
        .ends_with(4, "declined: nothing was changed");
    repo.typed(&format!("{ALLOWED} scripts/wipe_database"), "no\n")
        .ends_with(4, "NO backup of `vectors` is made: this can't be undone");

    // there is nothing to restore yet
    repo.ok("scripts/restore_database --list").ends_with(0, "no backups in");
    repo.fails("scripts/restore_database --latest", 1, "`db-backup` makes one");
    repo.fails("scripts/restore_database", 1, "`db-backup` makes one");
    assert_eq!(ground.backups().len(), 0);
}

/// "Example Workflow" of the wipe.
fn wiped(ground: &Ground, before: &State) {
    let (repo, db) = (&ground.repo, &ground.db.name);
    let names = format!("{db} documents podcasts vectors\n");
    let said = repo
        .typed(&format!("{ALLOWED} scripts/wipe_database --backup"), &names)
        .ends_with(0, "verified");
    let backups = ground.backups();

    assert_eq!(
        backups.iter().map(|name| shape(name)).collect::<Vec<_>>(),
        ["backup_00000000_000000"]
    );
    assert_eq!(repo.names(&format!("backups/{}", backups[0])), PARTS);

    assert!(
        said.out.contains("to get the data back: ")
            && said.out.contains(&format!("restore {}", backups[0])),
        "{}",
        said.out
    );

    let now = ground.state();
    assert_eq!(now.rows.schema, before.rows.schema);
    assert_eq!(now.rows.rows["public.alembic_version"], before.rows.rows["public.alembic_version"]);
    assert_eq!((ground.count("collections"), ground.count("podcasts")), ("0".into(), "0".into()));
    assert_eq!(now.vectors, "");

    assert!(now.documents.is_empty() && now.podcasts.is_empty());
    assert!(
        repo.dir.join("data/documents").is_dir() && repo.dir.join("data/podcasts").is_dir(),
        "their roots stay"
    );

    // "restart the backend to auto-initialize" has been done
    let Some(backend) = &ground.backend else { return assert_eq!(ground.count("users"), "0") };
    for words in [
        format!("stop the container {}", backend.name),
        format!("start the container {}", backend.name),
    ] {
        assert!(said.out.contains(&words), "{words}: {}", said.out);
    }

    until("the backend is connected again", || ground.connected());
    let log = backend.engine.docker(&["logs", &backend.name]).unwrap();
    assert!(log.contains("Mock user initialized successfully: 1"), "{log}");
    assert_eq!(ground.count("users"), "1");
}

/// "Usage" and "Example Workflow" of the restore.
fn restored(ground: &Ground, before: &State) {
    let (repo, wiped) = (&ground.repo, ground.state());
    let name = &ground.backups()[0];
    let list = repo.ok("scripts/restore_database --list").out;
    let line = list
        .lines()
        .find(|line| line.starts_with(name.as_str()))
        .unwrap_or_else(|| panic!("{list}"));

    assert!(
        line.contains("kB") && line.contains("development") && line.ends_with("verified"),
        "{line}"
    );

    for which in [format!("--backup {name}"), "--latest".into()] {
        let info = repo.ok(&format!("scripts/restore_database {which} --info")).out;

        for words in [
            "timestamp    20",
            "size  ",
            "environment  development",
            "   300  c_manuals",
            "     0  c_new",
            "    40  public.users",
        ] {
            assert!(info.contains(words), "{words:?}:\n{info}");
        }

        assert!(
            info.contains("holds        2 files, 120.0 kB")
                && info.contains("holds        1 file, 250.0 kB"),
            "{info}"
        );

        let dry = repo.ok(&format!("scripts/restore_database {which} --dry-run")).out;
        assert!(dry.contains(&format!("databases {0} -> {0}__previous", ground.db.name)), "{dry}");
    }

    repo.fails(
        "scripts/restore_database --backup backup_19990101_000000 --info",
        2,
        "`db-list` shows their names",
    );

    repo.fails("scripts/restore_database --backup '' --yes", 2, "there is no backup ``");
    repo.typed("scripts/restore_database", "q\n").ends_with(4, "no backup was chosen");
    repo.typed("scripts/restore_database", "1\nno\n").ends_with(4, "declined");
    repo.fails("scripts/restore_database --latest", 3, "use `--yes`");
    ground.is(&wiped);

    repo.typed("scripts/restore_database", "1\nyes\n")
        .ends_with(0, "curl http://localhost:8000/health");
    ground.is(before);
}

/// "Wipe only specific components", "Skip confirmation": what is not meant stays, and may be down.
fn parts(ground: &Ground, before: &State) {
    let repo = &ground.repo;
    repo.ok(&format!(
        "{ALLOWED} {NO_ROWS} {NO_VECTORS} scripts/wipe_database --files-only --backup --yes"
    ));

    let now = ground.state();
    assert!(now.documents.is_empty() && now.podcasts.is_empty());
    same(&now.rows, &before.rows);
    assert!(now.vectors == before.vectors, "a vector is another");
    repo.ok(&format!("{NO_ROWS} {NO_VECTORS} scripts/restore_database --latest --yes"));

    // what was replaced is kept, and swapped back
    repo.ok("sh scripts/db undo --yes");
    assert!(repo.names("data/documents").is_empty());
    repo.ok("sh scripts/db undo --yes");
    assert_eq!(repo.names("data/documents"), ["faq", "manuals"]);

    repo.ok(&format!(
        "{ALLOWED} {NO_VECTORS} scripts/wipe_database --postgres-only --backup --yes"
    ));
    assert_eq!(
        (ground.count("collections"), ground.count("alembic_version")),
        ("0".into(), "1".into())
    );

    let backups = ground.backups();
    repo.ok(&format!(
        "{NO_VECTORS} scripts/restore_database --backup {} --yes",
        backups.last().unwrap()
    ));
    ground.is(before);
}

/// "Best Practices", and what the document only planned: retention, an audit log, something for a
/// web interface.
fn best_practices(ground: &Ground) {
    let (repo, backups) = (&ground.repo, ground.backups());
    repo.ok("scripts/restore_database --latest --dry-run");
    repo.ok("scripts/restore_database --latest --info")
        .ends_with(0, "migrations   1 entry in public.alembic_version");
    repo.ok(&format!("sh scripts/db verify {}", backups[0])).ends_with(0, "is good");
    repo.ok("make -s db-wipe DRY_RUN=1").ends_with(0, "every row of 3 tables");

    // the newest five stay, whatever their age; of those that are older than 30 days, the rest goes
    let oldest = repo.dir.join("backups").join(&backups[0]);

    for at in 1..=5 {
        output(
            Command::new("cp")
                .arg("-r")
                .arg(&oldest)
                .arg(repo.dir.join(format!("backups/backup_20190101_00000{at}"))),
        )
        .unwrap();

        let manifest = repo.dir.join(format!("backups/backup_20190101_00000{at}/manifest.json"));
        // what was noted is of the manifest as it was
        fs::remove_file(db_tasks::bundle::ending::notes(&manifest)).unwrap();
        let text = fs::read_to_string(&manifest).unwrap();
        let year = text.split("\"created\": \"").nth(1).unwrap()[..4].to_owned();

        fs::write(
            &manifest,
            text.replacen(&format!("\"created\": \"{year}"), "\"created\": \"2019", 1),
        )
        .unwrap();
    }

    repo.ok("make -s db-cleanup YES=1");
    assert_eq!(ground.backups().iter().filter(|name| name.starts_with("backup_2019")).count(), 4);
    assert!(backups.iter().all(|name| ground.backups().contains(name)));

    let audit = fs::read_to_string(repo.dir.join(".db-tasks/audit.jsonl")).unwrap();

    for words in [
        "\"refused_by\":[\"pin\"]",
        "\"refused_by\":[\"environment\"]",
        "\"task\":\"db-restore\"",
        "\"exit\":4",
    ] {
        assert!(audit.contains(words), "{words}:\n{audit}");
    }

    let listed = repo.ok("scripts/restore_database --list --json").out;
    assert!(
        listed.contains("\"environment\": \"development\"") && listed.contains(&backups[0]),
        "{listed}"
    );
}

/// "PostgreSQL connection failed", and Milvus's: nothing is begun, nothing is left.
fn troubleshooting(ground: &Ground) {
    let backups = ground.backups();
    // the oldest is whole, the newest are of parts
    let restore = format!("restore_database --backup {} --yes", backups[0]);

    for (down, says) in [
        (NO_ROWS, "start the server, or check host and port"),
        (NO_VECTORS, "no Milvus answers at `http://127.0.0.1:9`"),
    ] {
        for command in ["wipe_database --dry-run", "wipe_database --backup --yes", &restore] {
            ground.repo.fails(&format!("{ALLOWED} {down} scripts/{command}"), 1, says);
        }
    }

    assert_eq!(ground.backups(), backups);
}

/// "Alerts when wipes occur in production-like environments".
fn staging(ground: &Ground) {
    let repo = &ground.repo;
    repo.program("mail", "{ echo \"$*\"; cat; } >>mail.log");
    repo.ok(&format!(
        "{ALLOWED} ENVIRONMENT=staging {NO_ROWS} scripts/wipe_database --milvus-only --yes"
    ));
    assert!(fs::read_to_string(repo.dir.join("mail.log")).unwrap().contains("staging was wiped"));
}
