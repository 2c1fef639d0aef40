//! Databases and the file trees of a container as one set: one tree in a folder of it, one in a
//! volume.

use std::fs;

use db_tasks::engine::files::{Links, scan};
use db_tasks::value::tree::{Census, differences};

use super::struck_sets::{Set, Strikes, all_or_nothing};
use super::{Held, Project, family, same, tiny, until};
use crate::support::cluster::{Cluster, TempDb, cluster};
use crate::support::component::unique;
use crate::support::docker::{Engine, IMAGE, engine};
use crate::support::server::{Fingerprint, Server};
use crate::support::{need, watchdog};

/// A container of the application, without a database in it.
pub struct App {
    pub engine: &'static Engine,
    pub name: String,
}

impl App {
    pub fn start(engine: &'static Engine) -> Result<Self, String> {
        let app = Self { engine, name: unique("dbt-app") };
        watchdog::at_exit(&format!(
            "DOCKER_HOST='{}' docker rm -vf {}",
            engine.docker_host, app.name
        ));

        let run =
            ["run", "-d", "--init=false", "--name", &app.name, "--network", "none", "-v", "/vol"];
        engine.docker(&[&run[..], &["--entrypoint", "sleep", IMAGE, "infinity"]].concat())?;

        Ok(app)
    }

    pub fn sh(&self, script: &str) -> String {
        self.engine.docker(&["exec", &self.name, "bash", "-ec", script]).unwrap()
    }

    /// Every entry of a tree with what can be seen of it, but for our own folder.
    fn tree(&self, path: &str) -> String {
        // a mount point keeps its root
        let root = if path.starts_with("/vol") { "-mindepth 1" } else { "" };
        self.sh(&format!(
            "[ -d {path} ] || exit 0; cd {path}; find . {root} -path ./.db-tasks -prune -o ! \
             -type f -printf '%p %M %U %T@ %l\\n' -o -type f -printf '%p %M %U %T@ ' -exec \
             sha256sum {{}} \\; | sort"
        ))
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.engine.docker(&["rm", "-vf", &self.name]);
    }
}

struct Ground<'a> {
    cluster: &'a Cluster,
    db: TempDb,
    app: App,
    project: Project,
}

/// All that is live.
#[derive(Debug, PartialEq)]
struct State(Fingerprint, String, String);

impl<'a> Ground<'a> {
    fn new(cluster: &'a Cluster, app: App, stores: &[(&str, &str)]) -> Self {
        let db = cluster.database();
        tiny(cluster, &db.name);

        let mut config = format!(
            "[containers.app]\ndocker = \"{}\"\n[databases.main]\npostgres = {{ url = \
             \"${{DATABASE_URL}}\" }}\n",
            app.name
        );

        for (key, path) in stores {
            config +=
                &format!("[stores.{key}]\ncontainer = \"app\"\nfiles = {{ path = \"{path}\" }}\n");
        }

        let project = Project::new(&config)
            .env("DATABASE_URL", &db.url)
            .env("DOCKER_HOST", &app.engine.docker_host)
            .env("ALLOW_DATABASE_WIPE", "true");

        for path in ["/srv/up", "/vol"] {
            app.sh(&format!(
                "mkdir -p {path}/sub/empty {path}/.hidden; cd {path}; echo one >a; echo two \
                 >sub/b; ln -s ../a sub/link; ln a hard
                 echo x >\"$(printf 'no-utf8-\\377')\"; echo y >'-rf'; head -c 300000 /dev/zero \
                 >big; chown 33:33 a; chmod 750 sub
                 find . -name .db-tasks -prune -o -exec touch -h -d 2001-02-03T04:05:06Z {{}} +"
            ));
        }

        Self { cluster, db, app, project }
    }

    fn change(&self) {
        self.cluster
            .sql(&self.db.name, "SET ROLE app; DELETE FROM orders; CREATE TABLE later (a int)");
        self.app.sh("for d in /srv/up /vol; do cd $d; rm -r sub a; echo spoiled >hard; echo new \
                     >new; mkdir -p .later/deep; done");
    }

    #[track_caller]
    fn is(&self, wanted: &State, after: &str) {
        let now = self.state();
        same(&now.0, &wanted.0);
        assert_eq!(now.1, wanted.1, "{after}");
        assert_eq!(now.2, wanted.2, "{after}");
    }

    fn kept(&self) -> (String, String) {
        (self.app.tree("/srv/up.db-tasks/previous"), self.app.tree("/vol/.db-tasks/previous"))
    }
}

impl Set for Ground<'_> {
    type State = State;

    fn project(&self) -> &Project {
        &self.project
    }

    fn database(&self) -> (&Server, &str) {
        (self.cluster, &self.db.name)
    }

    fn state(&self) -> State {
        State(
            self.cluster.fingerprint(&self.db.name),
            self.app.tree("/srv/up"),
            self.app.tree("/vol"),
        )
    }

    /// This includes whatever is still at work in the container.
    fn on_the_way(&self) -> Vec<String> {
        // what was live when a run was killed is kept for a look
        let kept = [
            self.db.name.clone(),
            format!("{}__previous", self.db.name),
            format!("{}__failed", self.db.name),
        ];

        let databases =
            family(self.cluster, &self.db.name).into_iter().filter(|d| !kept.contains(d));
        let ours = "ls -A /srv/up.db-tasks /vol/.db-tasks 2>/dev/null || :";
        let known = ["made-by-db-tasks", ".gitignore", "previous", "live", "returned", ""];
        let folders = self.app.sh(ours).lines().map(String::from).collect::<Vec<_>>();
        let folders = folders
            .into_iter()
            .filter(|line| !known.contains(&line.as_str()) && !line.ends_with(':'));

        let at_work = self.app.engine.docker(&["top", &self.app.name]).unwrap();
        let at_work: Vec<String> = at_work
            .lines()
            .skip(1)
            .filter(|l| !l.ends_with("sleep infinity"))
            .map(String::from)
            .collect();
        databases.chain(folders).chain(at_work).collect()
    }
}

const BOTH: [(&str, &str); 2] = [("uploads", "/srv/up"), ("media", "/vol")];

macro_rules! ground {
    ($stores:expr) => {{
        let engine = need!("docker", engine());
        let cluster = need!("postgresql", cluster());
        Ground::new(cluster, need!("container", App::start(engine)), $stores)
    }};
}

mod attributes;
mod userlands;

#[test]
fn a_set_with_trees_of_a_container_comes_back_and_goes_again() {
    let ground = ground!(&BOTH);
    let project = &ground.project;
    let old = ground.state();
    let backup = project.backup();

    let mut files: Vec<String> = fs::read_dir(&backup)
        .unwrap()
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();

    files.sort();
    assert_eq!(files, ["main.sql.zst", "manifest.json", "media.tar.zst", "uploads.tar.zst"]);
    ground.is(&old, "a backup");
    assert_eq!(ground.app.sh("ls -A /srv"), "up", "a backup makes nothing in the container");
    project.fails("db-verify --latest", 0, "is good");

    ground.change();
    let new = ground.state();
    let dry = project.ok("db-restore --latest --dry-run").out;
    let name = &ground.app.name;

    for words in [
        format!(
            "{name}:/srv/up -> {name}:/srv/up.db-tasks/previous, {name}:/srv/up.db-tasks/coming \
             -> {name}:/srv/up"
        ),
        format!(
            "{name}:/vol -> {name}:/vol/.db-tasks/previous, {name}:/vol/.db-tasks/coming -> \
             {name}:/vol"
        ),
    ] {
        assert!(dry.contains(&words), "{words} is not in\n{dry}");
    }

    ground.is(&new, "a dry run");
    project.ok("db-restore --latest --yes");
    ground.is(&old, "a restore");
    project.ok("db-undo --yes");
    ground.is(&new, "an undo");

    project.ok("db-undo --yes");
    ground.is(&old, "an undo of the undo");

    // what is kept is in no backup
    let again = project.backup();
    project.ok("db-undo --yes");
    ground.is(&new, "an undo before a restore of the second backup");
    project.ok(&format!("db-restore {} --yes", again.display()));
    ground.is(&old, "a restore of a backup that was made beside what is kept");

    assert_eq!(ground.on_the_way(), Vec::<String>::new());

    project.ok("db-wipe --only uploads --only media --backup --yes");
    assert_eq!(ground.app.sh("ls -A /srv/up /vol"), "/srv/up:\n\n/vol:\n.db-tasks");
    project.ok("db-restore --latest --yes");
    ground.is(&old, "a restore after a wipe");
}

#[test]
fn a_database_that_can_not_follow_takes_the_trees_back() {
    let ground = ground!(&BOTH);
    ground.project.backup();
    let held = |command: &str, new: &State, kept: &(String, String)| {
        // a superuser's session, which the application's role may not end
        let held = Held::new(ground.cluster, &ground.db.name, "SELECT 1");
        ground.project.fails(command, 1, "being accessed by other users");
        drop(held);
        until("its session has gone", || super::sessions(ground.cluster, &ground.db.name) == 0);
        ground.is(new, command);
        assert_eq!(ground.kept(), *kept, "{command}: what was kept is kept still");
        assert_eq!(ground.on_the_way(), Vec::<String>::new(), "{command}");
    };

    ground.change();
    let new = ground.state();
    held("db-restore --latest --yes", &new, &Default::default());

    assert_eq!(
        ground.app.sh("ls -A /srv; ls -Ad /vol/.db-tasks || :"),
        "up",
        "our folders are gone where nothing is kept"
    );

    ground.project.ok("db-restore --latest --yes");
    ground.project.ok("db-undo --yes");

    let kept = ground.kept();
    assert!(!kept.0.is_empty() && !kept.1.is_empty());

    for command in ["db-restore --latest --yes", "db-undo --yes"] {
        held(command, &new, &kept);
    }

    ground.project.ok("db-undo --yes");
}

#[test]
fn what_can_not_be_done_is_said_before_anything_is_touched() {
    let ground = ground!(&BOTH);
    let (project, app) = (&ground.project, &ground.app);
    let pipe = "d=$(mktemp -d) && mkfifo $d/pipe && tar -C $d -c pipe | docker cp - \
                \"$0\":/srv/up && rm -r $d";

    crate::support::component::output(app.engine.run("sh").args(["-c", pipe, &app.name])).unwrap();
    let said = project.ok("db-backup --auto --only uploads");
    assert!(
        said.err.contains("uploads: `pipe`: sockets, pipes and devices are left out")
            && !said.err.contains("PARTIAL"),
        "{said:?}"
    );

    project.ok("db-verify --latest");
    fs::remove_dir_all(project.dir.join(said.out.trim())).unwrap();
    app.sh("rm /srv/up/pipe; ln -s /etc/passwd /srv/up/out");

    let backup = project.backup();
    project.fails(
        &format!("db-restore {} --only uploads --yes", backup.display()),
        3,
        "links that may lead out of its tree",
    );

    project.ok(&format!("db-restore {} --only uploads --yes --trust", backup.display()));
    let state = ground.state();
    app.sh(
        "mv /srv/up.db-tasks /srv/elsewhere; mkdir /srv/up.db-tasks; touch /srv/up.db-tasks/theirs",
    );

    project.fails(
        "db-restore --latest --only uploads --yes --trust",
        3,
        "was not created by db-tasks",
    );

    app.sh("rm -r /srv/up.db-tasks; mv /srv/elsewhere /srv/up.db-tasks");
    ground.is(&state, "refusals");

    let elsewhere = |path: &str| {
        let text = fs::read_to_string(project.dir.join("db-tasks.toml")).unwrap();
        project.write("other.toml", text.replace("/srv/up", path));
    };
    elsewhere("/usr/share/zoneinfo");

    project.fails(
        "--config other.toml db-restore --latest --only uploads --yes --trust",
        3,
        "is a folder of the container's image",
    );

    elsewhere("/srv/nowhere");
    project.fails(
        "--config other.toml db-restore --latest --only uploads --yes --trust",
        3,
        "create it (`docker exec",
    );

    project.fails(
        "--config other.toml db-backup --auto --only uploads",
        1,
        "there is no folder `/srv/nowhere`",
    );

    // the container would stand still when its tree is to be swapped
    let stopped = fs::read_to_string(project.dir.join("db-tasks.toml")).unwrap();
    project.write(
        "other.toml",
        stopped.replacen("\n[databases", "\nstop-during = [\"restore\"]\n[databases", 1),
    );
    project.fails(
        "--config other.toml db-restore --latest --only uploads --yes",
        2,
        "which is stopped during a restore",
    );

    app.sh("ln -s /srv/up /srv/link");
    elsewhere("/srv/link");
    project.fails("--config other.toml db-backup --auto --only uploads", 1, "is not a folder");
    app.engine.docker(&["stop", "-t", "0", &app.name]).unwrap();
    project.fails("db-backup --auto", 1, "is not running");

    app.engine.docker(&["start", &app.name]).unwrap();
    ground.is(&state, "all of it");
}

#[test]
fn an_image_without_programs_can_be_backed_up() {
    let ground = ground!(&BOTH);
    let (project, app) = (&ground.project, &ground.app);
    let (names, backup) = (app.sh("ls -A /vol; ls -A /srv"), project.backup());

    app.sh("rm $(type -p tar)");
    let by_engine = project.backup();

    // the same entries with the same content, whoever read them
    let held = |backup: &std::path::Path| -> Vec<Census> {
        let manifest: serde_json::Value =
            serde_json::from_slice(&fs::read(backup.join("manifest.json")).unwrap()).unwrap();
        let trees = manifest["artifacts"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|a| a["holds"]["tree"].is_object());

        let read = |a: &serde_json::Value| {
            let file = fs::File::open(backup.join(a["file"].as_str().unwrap())).unwrap();
            let codec = serde_json::from_value(a["codec"].clone()).unwrap();
            scan(&mut db_tasks::stream::decoder(codec, file).unwrap(), Links::AsTheyAre).unwrap()
        };
        trees.map(read).collect()
    };

    let same = |other: &std::path::Path| {
        let (wanted, found) = (held(&backup), held(other));
        assert_eq!((wanted.len(), found.len()), (2, 2));
        for (wanted, found) in wanted.iter().zip(&found) {
            assert_eq!((differences(wanted, found), wanted.entries.len()), (vec![], 11));
        }
    };

    same(&by_engine);
    project.fails(
        "db-restore --latest --yes",
        3,
        "the image has no `tar`, which a restore needs; a backup does not",
    );

    app.sh("rm $(type -p stat) $(type -p find)");
    same(&project.backup());

    project.fails(
        "db-restore --latest --yes",
        3,
        "the image has no `find`, no `stat` and no `tar`, which a restore needs",
    );

    project.fails(
        "db-wipe --only media --backup --yes",
        3,
        "the image has no `find` and no `stat`, which a wipe needs",
    );

    assert_eq!(app.sh("ls -A /vol; ls -A /srv"), names, "nothing was changed");
}

#[test]
fn what_a_killed_run_left_at_work_is_waited_for() {
    let ground = ground!(&[BOTH[1]]);
    ground.project.backup();

    let old = ground.app.tree("/vol");
    ground.change();

    let new = ground.app.tree("/vol");
    ground.project.ok("db-restore --latest --yes");

    let late = "sleep 2; mv /vol/a /vol/.db-tasks/previous/late";
    ground.app.engine.docker(&["exec", "-d", &ground.app.name, "bash", "-c", late]).unwrap();
    ground.project.ok("db-undo --yes");
    // it found the old tree, whose file it took to the one that was kept then
    assert_eq!(
        ground.app.sh("cat /vol/late; ls -A /vol/.db-tasks/previous | grep -c ^a$ || :"),
        "one\n0"
    );
    ground.app.sh("mv /vol/late /vol/.db-tasks/previous/a; touch -d 2001-02-03T04:05:06Z \
                   /vol/.db-tasks/previous");

    assert_eq!(ground.app.tree("/vol"), new);
    ground.project.ok("db-undo --yes");
    assert_eq!(ground.app.tree("/vol"), old);
}

#[test]
fn what_comes_after_the_look_is_in_nobodys_yes() {
    let ground = ground!(&BOTH);
    let before = ground.state();
    // a hook runs between the plan and the wipe
    let config = fs::read_to_string(ground.project.dir.join("db-tasks.toml")).unwrap();
    let more = format!(
        "[hooks]\nbefore-wipe = [\"docker\", \"exec\", \"{}\", \"touch\", \"/vol/late\"]\n",
        ground.app.name
    );

    ground.project.write("db-tasks.toml", config + &more);
    ground.project.fails(
        "db-wipe --only media --backup --yes",
        3,
        "has changed since it was \
                                                                    looked at",
    );
    ground.app.sh("rm /vol/late");
    ground.is(&before, "a refused wipe");
}

fn killed(words: &str, signals: &[&str], store: (&str, &str)) {
    let ground = ground!(&[store]);
    ground.project.backup();

    let (old, other) = (ground.state(), if store.1 == "/vol" { "/srv/up" } else { "/vol" });
    ground.change();
    ground.app.sh(&format!("cd {other}; rm -rf ./* .hidden .later"));

    let old = if other == "/vol" {
        State(old.0, old.1, String::new())
    } else {
        State(old.0, ground.app.tree(other), old.2)
    };

    let new = ground.state();
    ground.project.ok("db-restore --latest --yes");
    ground.is(&old, "a restore");
    ground.project.ok("db-undo --yes");

    all_or_nothing(&ground, &old, &new, &Strikes { words, signals, points: 1 });
}

#[test]
fn a_restore_with_a_folder_of_a_container_that_is_killed() {
    killed("db-restore --latest --yes", &["KILL"], BOTH[0]);
}

#[test]
fn a_restore_with_a_volume_that_is_terminated() {
    killed("db-restore --latest --yes", &["TERM"], BOTH[1]);
}

#[test]
fn a_restore_with_a_volume_that_is_killed() {
    killed("db-restore --latest --yes", &["KILL"], BOTH[1]);
}

#[test]
fn an_undo_with_a_volume_that_is_killed() {
    killed("db-undo --yes", &["KILL"], BOTH[1]);
}
