//! The harness that kills: wherever a run ends, the live data is the old or the new, whole, and the
//! next run clears the rest.
//!
//! It walks the steps that a run itself tells of, so that a new step is covered without anyone
//! remembering, and strikes besides at points in time, which lie inside the long ones.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use db_tasks::bundle::Manifest;
use db_tasks::tasks::{self, Has};

use super::{Project, Said, family, same, signal, until};
use crate::support::cluster::{Cluster, TempDb, cluster};
use crate::support::component::{output, unique};
use crate::support::docker::{Options, container, engine};
use crate::support::server::{Fingerprint, Server};
use crate::support::{need, watchdog};

/// What every command is struck in.
/// `FIRST` is the backup that was made first.
const COMMANDS: [(&str, Before); 8] = [
    ("db-backup --auto", Before::Nothing),
    ("db-restore --latest --yes", Before::Changed),
    ("db-undo --yes", Before::Kept),
    ("db-verify --deep", Before::Nothing),
    ("db-reset --force", Before::Changed),
    ("db-wipe --backup --yes", Before::Full),
    ("db-restore FIRST --yes --in-place", Before::Changed),
    ("db-prepare --replace --yes", Before::Changed),
];
/// These change live data as their hook does: there is no step of ours that could be cut.
const BY_HOOK: [&str; 2] = ["db-migrate", "db-seed"];
/// `FOREIGN` is the first backup without its manifest: it takes a role that may make roles.
const FROM_ELSEWHERE: (&str, Before) = ("db-restore --file FOREIGN --yes", Before::Changed);
const FOREIGN: &str = "from-elsewhere.sql.zst";
const SIGNALS: [&str; 3] = ["TERM", "INT", "KILL"];
/// Points in time for each signal, beside the boundaries of the steps.
const POINTS: u32 = 4;

/// What must be so before a command is run.
#[derive(Clone, Copy)]
enum Before {
    Nothing,
    /// The live database is the one that was changed after its backup.
    Changed,
    /// There is a database to go back to.
    Kept,
    /// The live database is as it was first backed up: every table has rows to lose.
    Full,
}

/// What a role may do.
#[derive(Clone, Copy, PartialEq)]
enum Rights {
    All,
    /// All but to create databases.
    NoCreatedb,
}

/// Where in a run it strikes.
#[derive(Clone, Copy, Debug)]
pub enum Moment {
    /// After so many steps were told to be done.
    Steps(usize),
    /// After so long.
    Time(Duration),
}

struct Ground<'a> {
    server: &'a Server,
    db: String,
    project: Project,
    /// What the backup holds, and what was live when the run began.
    backed_up: Fingerprint,
    changed: Fingerprint,
    first: PathBuf,
    /// A backup of what was changed, in a folder of its own: no `--latest` finds it.
    second: PathBuf,
    /// What the role may do while it is struck.
    rights: Rights,
    /// Those that are verified already.
    proved: RefCell<BTreeSet<PathBuf>>,
    /// Manifests as they were first seen.
    sealed: RefCell<BTreeMap<PathBuf, Vec<u8>>>,
    /// Drops the database in the end.
    _own: Option<TempDb>,
}

const HOOKS: &str = "[hooks]\nmigrate = [\"psql\", \"-qX1\", \"-v\", \"ON_ERROR_STOP=1\", \"-f\", \
                     \"migrate.sql\"]\nseed = [\"psql\", \"-qX\", \"-c\", \"INSERT INTO fresh \
                     VALUES (1)\"]\n";

impl<'a> Ground<'a> {
    /// A database on the host.
    fn new(cluster: &'a Cluster) -> Self {
        Self::in_folder(cluster, None)
    }

    /// The same, the project being in this folder.
    fn in_folder(cluster: &'a Cluster, folder: Option<&Path>) -> Self {
        Self::with_config(cluster, folder, "")
    }

    fn with_config(cluster: &'a Cluster, folder: Option<&Path>, more: &str) -> Self {
        let db = cluster.database();
        let config = format!(
            "[databases.main]\npostgres = {{ url = \"${{DATABASE_URL}}\" }}\n{HOOKS}{more}"
        );
        let project = folder
            .map_or_else(|| Project::new(&config), |folder| Project::in_folder(folder, &config));
        Self::prepared(cluster, db.name.clone(), project.env("DATABASE_URL", &db.url), Some(db))
    }

    fn prepared(server: &'a Server, db: String, project: Project, own: Option<TempDb>) -> Self {
        server.sql(
            &db,
            "SET ROLE app; CREATE TABLE a (id int PRIMARY KEY, t text); INSERT INTO a SELECT i, \
             md5(i::text) FROM generate_series(1, 20000) i;
             CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a); INSERT INTO b SELECT i, i \
             FROM generate_series(1, 5000) i;
             CREATE INDEX ON a (t);",
        );

        project.write(
            "migrate.sql",
            "CREATE TABLE fresh (a int); SELECT pg_sleep(0.1); CREATE TABLE fresher (a int);",
        );
        let project = project.env("ALLOW_DATABASE_WIPE", "true");
        let backed_up = server.fingerprint(&db);
        let first = project.backup();

        fs::copy(&first, project.dir.join(FOREIGN)).unwrap();
        server.sql(&db, "SET ROLE app; DELETE FROM b; CREATE TABLE later (a int)");

        let changed = server.fingerprint(&db);
        let second =
            project.dir.join(project.ok("db-backup --auto --output-dir second").out.trim());
        let (rights, proved, sealed) = (Rights::All, RefCell::default(), RefCell::default());

        Self {
            server,
            db,
            project,
            backed_up,
            changed,
            first,
            second,
            rights,
            proved,
            sealed,
            _own: own,
        }
    }

    /// Puts back what a backup holds, if it is not there already.
    fn fill(&self, wanted: &Fingerprint, from: &Path) {
        if self.server.fingerprint(&self.db) != *wanted {
            self.project.ok(&format!("db-restore --file {} --trust=role --yes", from.display()));
            same(&self.server.fingerprint(&self.db), wanted);
        }
    }

    /// A command of [`COMMANDS`] as it is typed.
    fn typed(&self, words: &str) -> String {
        words
            .replace("FIRST", &self.first.file_name().unwrap().to_string_lossy())
            .replace("FOREIGN", FOREIGN)
    }

    fn make(&self, before: Before) {
        self.role_may("CREATEDB");
        match before {
            Before::Nothing => {}
            Before::Changed => self.fill(&self.changed, &self.second),
            Before::Kept if self.server.exists(&format!("{}__previous", self.db)) => {}
            Before::Kept => drop(self.project.ok("db-restore --latest --yes")),
            Before::Full => self.fill(&self.backed_up, &self.first),
        }

        self.role_may("NOCREATEDB");
    }

    /// The server is the test's own where rights are changed.
    fn role_may(&self, what: &str) {
        if self.rights == Rights::NoCreatedb {
            self.server.sql("postgres", &format!("ALTER ROLE app {what}"));
        }
    }

    /// What is live, as [`Self::make`] left it.
    fn live(&self, before: Before) -> Fingerprint {
        match before {
            Before::Changed => self.changed.clone(),
            Before::Full => self.backed_up.clone(),
            Before::Nothing | Before::Kept => self.server.fingerprint(&self.db),
        }
    }

    /// What is live when all of a run has ended.
    fn settled(&self) -> Fingerprint {
        // a psql that outlived its feeder may be about to swap, which it does whole or not at all
        until("its programs have ended", || programs_in(&self.project.dir) == 0);
        until("its sessions have gone", || super::sessions(self.server, &self.db) == 0);

        self.server.fingerprint(&self.db)
    }

    /// The promise: old or new, whole; and no file with a final name that does not prove good.
    fn holds(&self, now: &Fingerprint, after: &str) {
        let reset = now.rows.keys().any(|table| table.contains("fresh"));
        if reset {
            let whole = "SELECT count(*) FROM fresh, (SELECT count(*) FROM fresher) f";
            assert_eq!(
                self.server.sql(&self.db, whole),
                "1",
                "after {after}: a reset that was not finished"
            );
        } else if now.rows.values().all(|(rows, _)| *rows == 0) {
            assert_eq!(
                now.schema, self.backed_up.schema,
                "after {after}: a wipe leaves the schema"
            );
        } else if *now != self.changed {
            same(now, &self.backed_up);
        }

        let mut proved = self.proved.borrow_mut();
        proved.retain(|file| file.exists());

        for file in self
            .project
            .files()
            .into_iter()
            .filter(|f| f.extension().is_some_and(|e| e == "zst" || e == "age"))
        {
            if proved.contains(&file) {
                continue;
            }
            let verified = self.project.run(&format!("db-verify {}", file.display()));
            // one without a manifest is foreign, and still whole
            assert_eq!(verified.code, Some(0), "after {after}: {verified:?}");
            proved.insert(file);
        }

        self.stays_sealed(after);
    }

    /// A manifest is as it was first written, and what was noted beside it can be read: it is what
    /// was noted before, or what the run noted.
    fn stays_sealed(&self, after: &str) {
        let mut sealed = self.sealed.borrow_mut();
        // the name of one that was removed is free for another
        sealed.retain(|manifest, _| manifest.exists());

        for manifest in self
            .project
            .files()
            .into_iter()
            .filter(|f| f.to_string_lossy().ends_with("manifest.json"))
        {
            let doubt = Manifest::read(&manifest).unwrap().doubt();
            assert_eq!(doubt, None, "after {after}: {}", manifest.display());

            let now = fs::read(&manifest).unwrap();
            let first = sealed.entry(manifest).or_insert_with(|| now.clone());
            assert!(*first == now, "after {after}: a manifest was rewritten");
        }
    }

    /// What a run that was interrupted says of the live data is true.
    fn is_as_it_says(outcome: &Said, live: &Fingerprint, now: &Fingerprint, after: &str) {
        let untouched =
            ["the live data is as it was", "live before is live again", "has changed no live data"];

        if !untouched.iter().any(|words| outcome.err.contains(words)) {
            // one transaction may have come to its end before its psql did
            let told = ["is not known", "not undone", "removed again", "is said above"]
                .iter()
                .any(|words| outcome.err.contains(words));
            let only_reads = after.starts_with("`db-backup") || after.starts_with("`db-verify");
            assert!(
                told || only_reads || outcome.code == Some(0) || !outcome.err.contains('✓'),
                "{after}: {outcome:?}"
            );

            return;
        }

        assert!(now == live, "after {after}: it says that the live data is as it was: {outcome:?}");
    }

    /// Nothing of a killed run outlives the next one.
    fn cleared(&self, after: &str) {
        let allowed = ["", "__previous", "__failed"].map(|suffix| format!("{}{suffix}", self.db));
        let there = family(self.server, &self.db);
        assert!(there.iter().all(|name| allowed.contains(name)), "after {after}: {there:?}");
        let partial =
            self.project.files().into_iter().filter(|f| f.to_string_lossy().contains(".partial"));
        assert_eq!(partial.collect::<Vec<_>>(), Vec::<PathBuf>::new(), "after {after}");
    }

    /// Everything works afterwards as it did before.
    fn goes_on(&self) {
        self.role_may("CREATEDB");
        self.project.ok("db-backup --auto");
        self.project.ok("db-verify --deep");
        self.project.ok("db-restore --latest --yes");
        self.cleared("all of them and a normal run");
    }

    /// How many steps a whole run tells of, and how long it takes.
    fn measure(&self, words: &str, before: Before) -> (usize, Duration) {
        self.make(before);
        let begun = Instant::now();
        let said = self.project.ok(words);
        (said.err.lines().filter(|line| is_done(line)).count(), begun.elapsed())
    }
}

/// Programs at work in a folder: those that a killed run has left, which may not have connected
/// yet.
pub fn programs_in(dir: &Path) -> usize {
    let dir = fs::canonicalize(dir).unwrap();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter(|process| {
            fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(&dir))
        })
        .count()
}

fn is_done(line: &str) -> bool {
    line.starts_with("  ✓")
}

/// Runs `words`, strikes at the moment, and gives how it ended.
pub fn struck(project: &Project, words: &str, at: Moment, strike: impl FnOnce(&Child)) -> Said {
    let mut child = project.command(words).spawn().unwrap();
    let mut said = String::new();
    let mut strike = Some(strike);

    match at {
        Moment::Time(after) => std::thread::sleep(after),
        Moment::Steps(_) => {}
    }

    let mut left = if let Moment::Steps(steps) = at { steps } else { 0 };
    let mut err = BufReader::new(child.stderr.take().unwrap());

    loop {
        if left == 0
            && let Some(strike) = strike.take()
        {
            strike(&child);
        }

        let mut line = String::new();
        if err.read_line(&mut line).unwrap() == 0 {
            break;
        }

        left = left.saturating_sub(usize::from(is_done(&line)));
        said.push_str(&line);
    }

    let mut outcome = Said::of(child.wait_with_output().unwrap());
    outcome.err = said;

    outcome
}

/// The boundaries of all steps, and points in time between them.
pub fn moments(steps: usize, whole: Duration, points: u32) -> impl Iterator<Item = Moment> {
    let times = (1..=points).map(move |point| Moment::Time(whole * (2 * point - 1) / (2 * points)));
    (0..=steps).map(Moment::Steps).chain(times)
}

/// Ends runs of a command by signals.
fn signals(words: &str) {
    let cluster = need!("postgresql", cluster());
    strike_with_signals(&Ground::new(cluster), words);
}

fn strike_with_signals(ground: &Ground, words: &str) {
    let before = COMMANDS.iter().chain([&FROM_ELSEWHERE]).find(|(w, _)| *w == words).unwrap().1;
    let words = &ground.typed(words);
    let (steps, whole) = ground.measure(words, before);
    let (mut tried, mut under_way) = (0, 0);

    // the one that nobody can answer comes last: what it leaves is for the next run
    for name in SIGNALS {
        for at in moments(steps, whole, POINTS) {
            ground.make(before);
            let after = format!("`{words}` and SIG{name} at {at:?} of {steps} steps, {whole:?}");
            let live = (name != "KILL").then(|| ground.live(before));
            let outcome = struck(&ground.project, words, at, |child| signal(child, name));

            assert!(matches!(outcome.code, Some(0 | 130) | None), "{after}: {outcome:?}");
            under_way += u32::from(outcome.code != Some(0));
            tried += 1;

            // a migrator of other people's making works under the live name: there, a killed run is
            // made good by the next one
            if name != "KILL" || !words.starts_with("db-reset") {
                let now = ground.settled();
                live.iter().for_each(|live| Ground::is_as_it_says(&outcome, live, &now, &after));
                ground.holds(&now, &after);
            }
            // a run that may still speak leaves nothing behind by itself; what a killed one has
            // left, the next one clears
            if name == "KILL" {
                ground.project.ok("db-repair");
                ground.holds(&ground.settled(), &after);
            }
            // the newest good one
            ground.project.ok("db-verify");

            ground.cleared(&after);
        }
    }

    ground.goes_on();
    assert!(under_way > 0, "{words}: no point was within a run");
    println!("{words}: {steps} steps, {tried} points, {under_way} of them under way, 0 lost data");
}

/// What the keep rules remove after a backup: wherever it ends, a good one is left, and the next run
/// removes the rest.
#[test]
fn a_backup_that_removes_old_ones_is_struck() {
    let cluster = need!("postgresql", cluster());
    let rules = "[backup]\nkeep-days = 0\nmin-keep = 0\nkeep-last = 1\n";
    let ground = Ground::with_config(cluster, None, rules);
    strike_with_signals(&ground, "db-backup --auto");

    let folder = ground.first.parent().unwrap();
    let left: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name()).collect();
    let is_of_notes = |name: &&std::ffi::OsString| name.to_string_lossy().contains(".notes.");
    assert_eq!(left.iter().filter(|name| !is_of_notes(name)).count(), 2, "{left:?}");
}

/// A new command that changes live data is struck, too, or says why not.
#[test]
fn every_command_that_changes_live_data_is_struck() {
    let changing = tasks::ALL.iter().filter(|task| task.has(Has::LiveData));
    let missing: Vec<&str> = changing
        .map(|task| task.name)
        .filter(|name| !BY_HOOK.contains(name))
        .filter(|name| !COMMANDS.iter().any(|(words, _)| words.starts_with(name)))
        .collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn a_backup_that_is_killed() {
    signals("db-backup --auto");
}

/// A project that encrypts to a key of its own, and has it.
#[cfg(feature = "age")]
fn locked(cluster: &Cluster) -> (tempfile::TempDir, Ground<'_>) {
    let keys = tempfile::tempdir().unwrap();
    let key = crate::support::keys::Key::new(keys.path(), "key");
    (keys, Ground::with_config(cluster, None, &key.both()))
}

#[cfg(feature = "age")]
#[test]
fn an_encrypted_backup_and_its_restore_that_are_killed() {
    let cluster = need!("postgresql", cluster());
    let (_keys, ground) = locked(cluster);
    for words in ["db-backup --auto", "db-restore --latest --yes"] {
        strike_with_signals(&ground, words);
    }
}

/// What is brought back comes from an encrypted file, also by the next run.
#[cfg(feature = "age")]
#[test]
fn an_encrypted_way_back_of_a_reset_that_is_killed() {
    let bin = need!("postgresql", crate::support::cluster::programs());
    let cluster = need!("postgresql", Cluster::start(&bin));
    let (_keys, ground) = locked(&cluster);
    strike_with_signals(&Ground { rights: Rights::NoCreatedb, ..ground }, "db-reset --force");
}

#[test]
fn a_restore_that_is_killed() {
    signals("db-restore --latest --yes");
}

#[test]
fn an_undo_that_is_killed() {
    signals("db-undo --yes");
}

#[test]
fn a_reset_that_is_killed() {
    signals("db-reset --force");
}

/// Its hooks work in a database beside the live one: even a killed one leaves the live one to
/// nobody.
#[test]
fn a_staged_reset_that_is_killed() {
    let cluster = need!("postgresql", cluster());
    strike_with_signals(
        &Ground::with_config(cluster, None, "[reset]\nstrategy = \"staged\"\n"),
        "db-reset --force",
    );
}

/// The database itself is emptied; the next run brings its data back from the backup.
#[test]
fn a_reset_by_a_role_without_createdb_that_is_killed() {
    let bin = need!("postgresql", crate::support::cluster::programs());
    let cluster = need!("postgresql", Cluster::start(&bin));
    strike_with_signals(
        &Ground { rights: Rights::NoCreatedb, ..Ground::new(&cluster) },
        "db-reset --force",
    );
}

#[test]
fn a_restore_in_place_that_is_killed() {
    signals("db-restore FIRST --yes --in-place");
}

#[test]
fn a_preparation_over_data_that_is_killed() {
    signals("db-prepare --replace --yes");
}

#[test]
fn a_wipe_that_is_killed() {
    signals("db-wipe --backup --yes");
}

/// A role of the run's own loads it, and goes with it.
#[test]
fn a_restore_of_a_file_from_elsewhere_that_is_killed() {
    let bin = need!("postgresql", crate::support::cluster::programs());
    let cluster = need!("postgresql", Cluster::start(&bin));
    cluster.sql("postgres", "ALTER ROLE app CREATEROLE");
    strike_with_signals(&Ground::new(&cluster), FROM_ELSEWHERE.0);
    let loaders = "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'db_tasks_loader_%'";
    assert_eq!(cluster.sql("postgres", loaders), "0");
}

#[test]
fn a_deep_verification_that_is_killed() {
    signals("db-verify --deep");
}

/// Lets something happen round every command, at every boundary of its steps, and makes it good
/// again.
fn calamity(ground: &Ground, what: &str, points: u32, strike: impl Fn(), heal: impl Fn()) {
    let mut tried = 0;

    for (words, before) in COMMANDS {
        let words = &ground.typed(words);
        let (steps, whole) = ground.measure(words, before);
        for at in moments(steps, whole, points) {
            ground.make(before);
            let outcome = struck(&ground.project, words, at, |_| strike());
            heal();
            assert!(matches!(outcome.code, Some(0 | 1)), "{words} and {what}: {outcome:?}");

            let repaired = ground.project.ok("db-repair");
            let after = format!(
                "`{words}` and {what} at {at:?}, which said\n{}\nand\n{}",
                outcome.err, repaired.err
            );
            ground.holds(&ground.settled(), &after);
            ground.cleared(&after);
            tried += 1;
        }
    }

    ground.goes_on();
    println!("{what}: {tried} points, 0 lost data");
}

#[test]
fn a_server_that_stops_at_once() {
    let bin = need!("postgresql", crate::support::cluster::programs());
    let cluster = need!("postgresql", Cluster::start(&bin));
    // the throw-away server does not wait for its disk: what others have committed must outlive its
    // end here
    cluster.sql(
        "postgres",
        "ALTER ROLE app SET synchronous_commit = on; ALTER ROLE postgres SET synchronous_commit = \
         on",
    );

    calamity(&Ground::new(&cluster), "the server's end", 2, || restart_at_once(&cluster), || {});
}

#[test]
fn a_container_that_is_killed() {
    need!("docker", engine());
    let engine = engine().unwrap();
    let pg = need!("container", container(&Options { publish: true, ..Options::default() }));
    // published again, it has another port: a hook is told where it is now
    let config = format!(
        "[containers.pg]\ndocker = \"{}\"\n[databases.main]\ncontainer = \"pg\"\n{HOOKS}",
        pg.name
    );
    let project = Project::new(&config)
        .env("DOCKER_HOST", &engine.docker_host)
        .env("PGPASSWORD", crate::support::docker::PASSWORD);

    let ground = Ground::prepared(&pg.server, "appdb".into(), project, None);
    let kill = || drop(engine.docker(&["kill", &pg.name]).unwrap());
    let start = || {
        engine.docker(&["start", &pg.name]).unwrap();
        until("the server is back", || pg.server.try_sql("postgres", "SELECT 1").is_ok());
    };

    calamity(&ground, "the container's end", 1, kill, start);
}

/// A file system of its own that can be filled, and is gone with this process.
struct Small(PathBuf);

impl Small {
    fn mount(megabytes: u32) -> Result<Self, String> {
        let dir = std::env::temp_dir().join(unique("dbt"));
        fs::create_dir(&dir).map_err(|e| e.to_string())?;
        watchdog::at_exit(&format!("umount -l {0}; rmdir {0}", dir.display()));
        let size = format!("size={megabytes}m,mode=0755");
        output(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&dir))
            .map(|_| Self(dir))
    }

    fn fill(&self) {
        let mut filler = fs::File::create(self.0.join("filler")).unwrap();
        let block = vec![1; 1 << 16];
        while std::io::Write::write_all(&mut filler, &block).is_ok() {}
    }

    fn clear(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

#[test]
fn a_disk_for_backups_that_is_full() {
    let cluster = need!("postgresql", cluster());
    let small = need!("a file system of its own", Small::mount(96));
    let folder = small.0.join("repo");

    fs::create_dir(&folder).unwrap();
    calamity(
        &Ground::in_folder(cluster, Some(&folder)),
        "a full disk for backups",
        2,
        || small.fill(),
        || small.clear(),
    );
}

#[test]
fn a_disk_of_the_server_that_is_full() {
    let bin = need!("postgresql", crate::support::cluster::programs());
    let small = need!("a file system of its own", Small::mount(400));
    let dir = small.0.join("pg");

    fs::create_dir(&dir).unwrap();
    let cluster = need!("postgresql", Cluster::start_in(&bin, dir));
    cluster.sql(
        "postgres",
        "ALTER ROLE app SET synchronous_commit = on; ALTER ROLE postgres SET synchronous_commit = \
         on",
    );

    let heal = || {
        small.clear();
        // without room for its log it ends itself
        if cluster.try_sql("postgres", "CHECKPOINT").is_err() {
            restart_at_once(&cluster);
        }
    };

    calamity(&Ground::new(&cluster), "a full disk of the server", 2, || small.fill(), heal);
}

/// `pg_ctl restart -m immediate`, as whoever runs the server.
pub fn restart_at_once(cluster: &Cluster) {
    let data = cluster.dir.join("data");

    static WORDS: OnceLock<Vec<&str>> = OnceLock::new();

    let words = WORDS.get_or_init(|| {
        let namespace = vec!["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"];
        let root = Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout == b"0\n");

        let works = Command::new(namespace[0])
            .args(&namespace[1..])
            .arg("true")
            .status()
            .is_ok_and(|s| s.success());

        match (root, works) {
            (false, _) => vec!["env"],
            (true, true) => namespace,
            (true, false) => {
                vec!["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
            }
        }
    });

    let mut ctl = Command::new(words[0]);
    ctl.args(&words[1..]).arg(cluster.bin.join("pg_ctl")).arg("-D").arg(&data);

    // the server holds what it inherits: its log goes where it went before
    let log = fs::File::options().append(true).open(cluster.dir.join("log")).unwrap();
    ctl.args(["-w", "-s", "-m", "immediate", "restart"]).current_dir(&cluster.dir);
    ctl.stdin(std::process::Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    assert!(ctl.status().expect("pg_ctl").success());
    until("the server is back", || cluster.try_sql("postgres", "SELECT 1").is_ok());
}

#[test]
fn t42_a_restore_whose_feeder_dies_commits_nothing_to_the_live_database() {
    let cluster = need!("postgresql", cluster());
    let ground = Ground::new(cluster);
    cluster.sql(&ground.db, "SET ROLE app; SELECT lo_from_bytea(0, 'large')");

    let changed = cluster.fingerprint(&ground.db);
    let file =
        ground.project.dir.join(ground.project.ok("db-backup --auto --compress none").out.trim());
    let text = fs::read_to_string(file).unwrap();
    // psql rests in the middle of the dump, while more than a pipe holds is still to come: after
    // the first rows, and after the COMMIT that pg_dump writes behind large objects
    let after = |words: &str| text.find(words).unwrap() + words.len();
    let filler = format!("-- {}\n", "x".repeat(1000)).repeat(4000);

    for (at, name) in
        [(after("\\.\n"), "KILL"), (after("\\.\n"), "TERM"), (after("\nCOMMIT;\n"), "KILL")]
    {
        let slow =
            format!("{}SELECT pg_catalog.pg_sleep(1);\n{filler}{}", &text[..at], &text[at..]);
        let slow = ground.project.write("slow.sql", slow);
        let child = ground
            .project
            .command(&format!("db-restore --yes --trust --file {}", slow.display()))
            .spawn()
            .unwrap();

        let asleep = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}__staged' AND wait_event = \
             'PgSleep'",
            ground.db
        );

        until("psql is at work", || cluster.sql("postgres", &asleep) == "1");
        signal(&child, name);
        Said::of(child.wait_with_output().unwrap());
        same(&cluster.fingerprint(&ground.db), &changed);

        let staged = format!("{}__staged", ground.db);
        if name == "KILL" {
            until("its psql has gone", || super::sessions(cluster, &ground.db) == 0);
            assert!(cluster.exists(&staged));
            let tables =
                "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
            assert_eq!(cluster.sql(&staged, tables), "0", "half a dump was committed");
        } else {
            assert_eq!(super::sessions(cluster, &ground.db), 0);
            assert!(!cluster.exists(&staged));
        }
    }

    ground.project.ok("db-restore --latest --yes");
    ground.cleared("a normal run");
}
