//! Servers that come late: a start that is interrupted while the server has no process id yet, or
//! whose run is killed. None is left behind.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use super::{Project, Said, said};
use crate::real::{signal, until};
use crate::support::component::{output, script};
use crate::support::need;

/// pg_ctl, which takes its time to start a server: as between the start of the real one and its
/// `postmaster.pid`, the server comes even if pg_ctl is killed, and nothing shows it yet.
const LATE: &str = r#"
case " $* " in
*" start "*)
    echo $$ >"$PROJECT/starting"
    setsid sh -c 'sleep 1.5; exec "$@"' sh "$REAL" "$@" </dev/null >"$PROJECT/late.log" 2>&1 &
    wait $!
    ;;
*) exec "$REAL" "$@" ;;
esac
"#;

/// postgres, which takes its time to say its version if a file wants it so.
const SLOW: &str = r#"
[ ! -e "$PROJECT/slow" ] || { echo $$ >"$PROJECT/asked"; sleep 1; }
exec "$REAL" "$@"
"#;

/// A project whose programs are the real ones, but for this one.
fn with_program(name: &str, does: &str) -> Result<Project, String> {
    let mut project = Project::new()?;
    let real = output(&mut Command::new(script("host-pg.sh")))?;
    let bin = project.root.join("programs");

    fs::create_dir(&bin).unwrap();
    for program in fs::read_dir(&real).unwrap().map(|entry| entry.unwrap().path()) {
        symlink(&program, bin.join(program.file_name().unwrap())).unwrap();
    }

    let own = bin.join(name);
    let (root, real) = (project.root.display(), Path::new(&real).join(name));
    let head = format!("#!/bin/sh\nPROJECT='{root}' REAL='{}'\n", real.display());
    fs::remove_file(&own).unwrap();
    fs::write(&own, head + does).unwrap();
    fs::set_permissions(&own, PermissionsExt::from_mode(0o755)).unwrap();
    project.set("DB_TASKS_PG_BIN", &bin.to_string_lossy());
    project.set("DB_TASKS_TRUST_REPO", "1");

    Ok(project)
}

impl Project {
    /// A command whose server is about to start.
    fn starting(&self, args: &[&str]) -> Child {
        self.spawned(args, "starting")
    }

    /// A command, once the program of the test has said so.
    fn spawned(&self, args: &[&str], mark: &str) -> Child {
        drop(fs::remove_file(self.root.join(mark)));
        let run = self.spawn(args);
        let pid = || fs::read_to_string(self.root.join(mark)).unwrap_or_default();
        until(mark, || pid().ends_with('\n'));
        run
    }

    /// Even later.
    #[track_caller]
    fn stays_as_found(&self) {
        std::thread::sleep(Duration::from_secs(2));
        self.is_as_found();
    }
}

#[track_caller]
fn is_interrupted(said: &Said) {
    assert!(said.code == 130 && said.err.contains("interrupted"), "{said:?}");
}

#[test]
fn an_interrupted_start_leaves_no_server() {
    let project = need!("postgresql", with_program("pg_ctl", LATE));

    for (name, words) in [
        ("INT", &["db-shell", "-c", "SELECT 1"][..]),
        ("TERM", &["db-backup", "--auto"]),
        ("HUP", &["db-start"]),
        ("INT", &["db-status"]),
    ] {
        let run = project.starting(words);
        signal(&run, name);
        is_interrupted(&said(run));
        project.stays_as_found();
    }

    project.good(&["db-start"]);
    project.good(&["db-stop"]);
}

/// The next run waits for a server that a killed one has begun.
#[test]
fn a_killed_start_leaves_its_server_to_the_next_run() {
    let project = need!("postgresql", with_program("pg_ctl", LATE));
    project.good(&["db-backup", "--auto"]);

    for words in [&["db-status"][..], &["db-stop"]] {
        let run = project.starting(&["db-shell", "-c", "SELECT 1"]);
        signal(&run, "KILL");
        said(run);
        project.good(words);
        project.stays_as_found();
    }
}

/// It is the same if pg_ctl is killed, by whatever.
#[test]
fn a_killed_pg_ctl_leaves_no_server() {
    let project = need!("postgresql", with_program("pg_ctl", LATE));
    let run = project.starting(&["db-shell", "-c", "SELECT 1"]);
    let pid = fs::read_to_string(project.root.join("starting")).unwrap();
    output(Command::new("kill").args(["-9", pid.trim()])).unwrap();

    assert_eq!(said(run).code, 1);
    project.stays_as_found();
}

/// A signal on the way out comes too late: neither the work nor the way out is interrupted.
#[test]
fn the_way_out_is_not_interrupted() {
    let project = need!("postgresql", with_program("postgres", SLOW));
    project.good(&["db-backup", "--auto"]);

    for name in ["INT", "TERM"] {
        drop(fs::remove_file(project.root.join("slow")));
        let run = project.spawned(&["db-shell", "-c", "\\! touch slow"], "asked");
        signal(&run, name);
        let said = said(run);
        assert!(said.code == 0 && !said.err.contains("interrupted"), "{said:?}");
        project.is_as_found();
    }
}
