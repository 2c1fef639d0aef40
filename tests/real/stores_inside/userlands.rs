//! Trees in containers whose programs are GNU's, busybox's, or not all there.

use std::path::Path;

use super::*;
use crate::scripts::program;

/// Which programs a container has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Userland {
    Gnu,
    Busybox,
    WithoutTar,
}

impl Userland {
    pub fn put_into(self, app: &App) -> Result<(), String> {
        if self == Self::WithoutTar {
            app.sh("rm $(type -p tar)");
        }
        if self != Self::Busybox {
            return Ok(());
        }

        let busybox = program("busybox")?;
        let busybox = busybox.to_string_lossy();
        let libraries = std::process::Command::new("ldd")
            .arg(&*busybox)
            .output()
            .map_err(|e| e.to_string())?
            .stdout;

        let libraries = String::from_utf8_lossy(&libraries).into_owned();
        for library in libraries
            .split_whitespace()
            .filter(|word| word.contains("libresolv") && word.starts_with('/'))
        {
            app.engine.docker(&["cp", "-L", library, &format!("{}:{library}", app.name)])?;
        }

        app.engine.docker(&["cp", "-L", &busybox, &format!("{}:/usr/bin/busybox", app.name)])?;
        app.sh("for p in chmod find mkdir mv rm rmdir stat sync tar sh; do ln -sf busybox \
                /usr/bin/$p; done; tar --help 2>&1 | grep -q BusyBox");

        Ok(())
    }
}

/// A tree with what is left out of its backups, and a file of which one name is.
const MESSY: &str = "cd /srv/up; mkdir -p cache/deep; echo x >cache/x; ln cache/x keep; ln \
                     cache/x sub/kept; echo t >a.tmp;
    echo deep >cache/deep/y; head -c 70000 /dev/zero >cache/big; ln -s nowhere cache/link; touch \
                     -d '2001-02-03 04:05:06.123456789' keep sub";

fn excluding(ground: &Ground<'_>) {
    let config = fs::read_to_string(ground.project.dir.join("db-tasks.toml")).unwrap();
    ground.project.write(
        "db-tasks.toml",
        config.replace(
            "files = { path = \"/srv/up\" }",
            "files = { path = \"/srv/up\", exclude = [\"/cache/\", \"*.tmp\"] }",
        ),
    );
}

fn manifest(backup: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(backup.join("manifest.json")).unwrap()).unwrap()
}

#[test]
fn what_is_excluded_is_left_out_in_containers_too() {
    for userland in [Userland::Gnu, Userland::Busybox] {
        let ground = ground!(&[BOTH[0]]);
        let (project, app) = (&ground.project, &ground.app);
        need!("busybox", userland.put_into(app));
        app.sh(MESSY);
        excluding(&ground);

        // a log that is written to while it is read makes nothing partial, where it is left out
        app.sh("head -c 40000000 /dev/urandom >/srv/up/log.tmp; touch /tmp/go");
        let log = "while [ -e /tmp/go ]; do echo x >>/srv/up/log.tmp; done; rm /srv/up/log.tmp";
        app.engine.docker(&["exec", "-d", &app.name, "bash", "-c", log]).unwrap();

        let wanted =
            app.sh("cd /srv/up; find . -path ./cache -prune -o ! -name '*.tmp' -print | sort");
        let said = project.ok("db-backup --auto");
        assert!(
            !said.err.contains("PARTIAL") && !said.err.contains("left out"),
            "{userland:?}: {said:?}"
        );
        app.sh("rm /tmp/go; while [ -e /srv/up/log.tmp ]; do :; done");

        let backup = project.dir.join(said.out.trim());
        project.fails("db-verify --latest", 0, "is good");

        assert_eq!(
            manifest(&backup)["artifacts"][1]["holds"]["tree"]["bytes"],
            4 + 4 + 2 + 2 + 300_000 + 2,
            "{userland:?}"
        );

        app.sh("cd /srv/up; echo other >keep; rm sub/kept");
        project.ok("db-restore --latest --yes");
        assert_eq!(app.sh("cd /srv/up; find . | sort"), wanted, "{userland:?}");

        assert_eq!(
            app.sh("cd /srv/up; cat keep; stat -c %h keep; [ keep -ef sub/kept ] && echo one"),
            "x\n2\none",
            "{userland:?}"
        );

        // it stays in the tree that is kept
        assert_eq!(app.sh("cat /srv/up.db-tasks/previous/cache/deep/y"), "deep");
        let time = app.sh("cd /srv/up; stat -c %y keep sub");
        let fraction = if userland == Userland::Gnu { "04:05:06.123456789" } else { "04:05:06" };

        assert_eq!(time.matches(fraction).count(), 2, "{userland:?}: {time}");
    }
}

#[test]
fn what_is_excluded_is_left_out_where_docker_itself_reads() {
    let ground = ground!(&[BOTH[0]]);
    let (project, app) = (&ground.project, &ground.app);
    app.sh(&MESSY.replace("ln cache/x keep; ln cache/x sub/kept;", "echo x >keep;"));
    excluding(&ground);
    app.sh("rm $(type -p tar)");

    let backup = project.backup();
    assert_eq!(
        manifest(&backup)["artifacts"][1]["holds"]["tree"]["bytes"],
        4 + 4 + 2 + 2 + 300_000 + 2
    );
    app.sh(
        "cd /srv/up; mkdir -p cache; echo z >cache/z; for n in 1 2 3 4; do ln cache/z z$n; done",
    );

    let said = project.run("db-backup --auto");
    // which of its names comes first is the folder's own order
    assert!(
        said.code == Some(0) || said.err.contains("have another name that is excluded"),
        "{said:?}"
    );
}

#[test]
fn a_glob_that_can_not_be_read_is_refused_in_containers_too() {
    let ground = ground!(&[BOTH[0]]);
    excluding(&ground);
    let config = fs::read_to_string(ground.project.dir.join("db-tasks.toml")).unwrap();
    ground.project.write("db-tasks.toml", config.replace("*.tmp", "a["));
    ground.project.fails("db-backup --auto", 2, "the glob `a[` is not valid");
}

#[test]
fn a_tree_that_is_written_to_makes_the_backup_partial() {
    let ground = ground!(&[BOTH[0]]);
    let (project, app) = (&ground.project, &ground.app);
    app.sh("head -c 80000000 /dev/urandom >/srv/up/busy");

    let log = "while [ -e /srv/up/busy ]; do echo x >>/srv/up/busy; sleep .001; done";
    app.engine.docker(&["exec", "-d", &app.name, "bash", "-c", log]).unwrap();

    let said = project.ok("db-backup --auto");
    assert!(
        said.err.contains(
            "PARTIAL, because it changed meanwhile: `busy` was written to while it was read"
        ),
        "{said:?}"
    );

    let verified =
        project.ok(&format!("db-verify {}", said.out.trim().rsplit('/').next().unwrap()));
    assert!(
        verified.out.contains("is PARTIAL") && !verified.out.contains("is good"),
        "{verified:?}"
    );
    project.fails("db-wipe --only uploads --backup --yes", 1, "busy");
    app.sh("[ -e /srv/up/busy ] && rm /srv/up/busy");
}

#[test]
fn set_id_bits_are_not_given_to_whoever_restores() {
    for userland in [Userland::Gnu, Userland::Busybox] {
        let ground = ground!(&[BOTH[0]]);
        let (project, app) = (&ground.project, &ground.app);
        app.sh("cd /srv/up; echo tool >tool; chown 33:33 tool; chmod 4755 tool; echo shared \
                >shared; chmod 2755 shared; mkdir -m 2775 team");
        need!("busybox", userland.put_into(app));
        project.backup();

        app.sh("cd /srv/up; chmod 755 tool shared");
        let said = project.ok("db-restore --latest --yes");
        assert!(
            said.err.contains("2 files without set-id bits (`--trust` keeps them)"),
            "{userland:?}: {said:?}"
        );

        assert_eq!(
            app.sh("cd /srv/up; stat -c '%a %u' tool shared team"),
            "755 33\n755 0\n2775 0",
            "{userland:?}"
        );

        project.ok("db-restore --latest --yes --trust");
        assert_eq!(
            app.sh("cd /srv/up; stat -c '%a %u' tool shared team"),
            "4755 33\n2755 0\n2775 0",
            "{userland:?}"
        );
    }
}

#[test]
fn what_an_image_lacks_is_named_before_anything_is_begun() {
    let ground = ground!(&BOTH);
    let (project, app) = (&ground.project, &ground.app);
    project.backup();
    project.ok("db-restore --latest --yes");

    let state = ground.state();
    app.sh("rm $(type -p sync) $(type -p rmdir)");

    let missing = "the image has no `rmdir` and no `sync`, which a restore needs";
    let said = project.ok("db-backup --auto");
    assert!(
        said.err.contains("`uploads` can be backed up, but not restored as it is")
            && said.err.contains(missing),
        "{said:?}"
    );

    let doctor = project.run("db-doctor");
    assert!(doctor.code == Some(1) && doctor.out.matches(missing).count() == 2, "{doctor:?}");
    project.fails("db-restore --latest --yes", 3, missing);
    project.fails("db-undo --only uploads --yes", 3, missing);
    ground.is(&state, "refusals");

    // nothing that a wipe takes is missing
    project.ok("db-wipe --only media --backup --yes");

    // no shell to ask them all at once
    app.sh("rm $(type -p find); for sh in sh dash; do rm -f $(type -p $sh); done");
    project.fails(
        "db-wipe --only uploads --backup --yes",
        3,
        "the image has no `find`, which a wipe needs",
    );

    project.fails(
        "db-restore --latest --yes",
        3,
        "the image has no `find`, no `rmdir` and no `sync`, which a restore needs",
    );
}

#[test]
fn a_folder_of_our_name_in_a_volume_is_in_its_backups_and_told() {
    let ground = ground!(&BOTH);
    let (project, app) = (&ground.project, &ground.app);
    project.backup();
    app.sh("mkdir /vol/.db-tasks; echo theirs >/vol/.db-tasks/file");

    let state = ground.state();
    let why =
        "`/vol/.db-tasks` was not created by db-tasks, and a restore needs this name: move it away";
    let said = project.ok("db-backup --auto");

    assert!(said.err.contains(why), "{said:?}");
    let listed = |said: &str| {
        let tar = fs::File::open(project.dir.join(said).join("media.tar.zst")).unwrap();
        let decoded = &mut db_tasks::stream::decoder(db_tasks::stream::Codec::Zstd, tar).unwrap();
        scan(decoded, Links::AsTheyAre).unwrap().entries.contains_key(&b".db-tasks/file"[..])
    };

    assert!(listed(said.out.trim()));
    let doctor = project.run("db-doctor");
    assert!(doctor.code == Some(1) && doctor.out.contains(why), "{doctor:?}");
    project.fails("db-restore --latest --yes", 3, why);
    project.fails("db-wipe --only media --backup --yes", 3, why);

    ground.is(&state, "refusals");

    app.sh("rm -r /vol/.db-tasks");
    project.fails("db-restore --latest --yes", 3, "the backup has a `.db-tasks` in it");
    ground.is(&state, "a refused restore");
    assert_eq!(ground.on_the_way(), Vec::<String>::new());
    project.backup();

    project.ok("db-restore --latest --yes");
    // a volume may lie in a repository
    assert_eq!(
        app.sh("cat /vol/.db-tasks/.gitignore; ls -A /srv/up.db-tasks"),
        "*\nmade-by-db-tasks\nprevious"
    );
}
