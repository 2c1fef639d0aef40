//! A signal that comes when the work is done: it is too late to interrupt anything, whatever is asked
//! just then. And one that comes while others do the work: they would go on with it.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Stdio};

use super::{Bench, HOOKS, HOST, Said, TOOL, with_beside};
use crate::real::{signal, until};

/// A project whose server takes its time.
fn slow(toml: &str) -> Bench {
    let bench = Bench::new(toml);
    let inner = bench.root().join("inner");
    let slow = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/bench/slow");

    std::fs::create_dir(&inner).unwrap();
    for program in ["psql", "docker"] {
        let quick = bench.root().join("bin").join(program);
        std::fs::rename(&quick, inner.join(program)).unwrap();
        symlink(slow.canonicalize().unwrap(), quick).unwrap();
    }

    bench
}

fn begun(bench: &Bench, args: &[&str]) -> Child {
    for mark in ["asking", "released"] {
        drop(std::fs::remove_file(bench.root().join(mark)));
    }
    drop(std::fs::remove_dir(bench.root().join("looked")));

    let mut command = bench.command(TOOL);
    command.args(args).current_dir(&bench.dir);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until the stand-in says so, or the run has ended.
fn there(bench: &Bench, run: &mut Child, mark: &str) {
    until(mark, || bench.root().join(mark).exists() || run.try_wait().unwrap().is_some());
}

/// Runs a command, and interrupts it when its work is done, which this asserts.
fn struck(toml: &str, beside: &[&str], args: &[&str]) -> Said {
    let mut bench = slow(toml);
    bench.env("ALLOW_DATABASE_WIPE", "true").facts("app", with_beside(beside));
    bench.with_backup();
    bench.stage("containers/web", "running\n");

    let mut run = begun(&bench, args);
    there(&bench, &mut run, "released");
    let is_asked = bench.root().join("asking").exists();
    let works = run.try_wait().unwrap().is_none();
    signal(&run, "INT");

    let said = Said::plain(bench.root(), args, &run.wait_with_output().unwrap());
    assert!(is_asked && works, "{args:?}: nobody is asked meanwhile: {said:?}");

    said
}

#[test]
fn what_is_done_is_not_interrupted() {
    let toml = &format!("{HOST}{HOOKS}");

    std::thread::scope(|scope| {
        for (args, beside, result) in [
            (&["db-restore", "--latest", "--yes"][..], &[][..], "app\n"),
            (&["db-restore", "--latest", "--yes", "--in-place"], &[], "app\n"),
            (&["db-undo", "--yes"], &["previous"], "app\n"),
            (&["db-reset", "--force"], &[], "app\n"),
            (&["db-wipe", "--yes"], &[], "app: 2 tables, 800 rows\n"),
            (&["db-verify", "--deep"], &["scratch"], "is good\n"),
            (&["db-migrate"], &[], ""),
            (&["db-prepare", "--replace", "--yes"], &[], "app\n"),
        ] {
            scope.spawn(move || {
                let said = struck(toml, beside, args).exits(0);
                assert!(said.out.contains(result), "{args:?}: {said:?}");
                assert!(!said.err.contains("interrupted"), "{args:?}: {said:?}");
            });
        }
    });
}

/// What went wrong before the signal, in the work or after it, is told as it is: the signal is not to
/// blame.
#[test]
fn what_had_failed_before_is_told_as_it_is() {
    let after = |task: &str| format!("{HOST}[hooks]\nafter-{task} = \"exit 3\"\n");
    let web = "[containers.web]\ndocker = \"web\"\nstop-during = [\"reset\"]\n";
    let gone = &format!("{HOST}{web}[hooks]\nmigrate = \"rm ../containers/web\"\n");
    let failed = &format!("{HOST}[hooks]\nmigrate = \"exit 3\"\n");

    std::thread::scope(|scope| {
        for (toml, beside, args, code, says) in [
            (failed.clone(), &[][..], &["db-reset", "--force"][..], 1, "the migrate hook failed"),
            (
                after("undo"),
                &["previous"],
                &["db-undo", "--yes"],
                6,
                "finished, but the after-undo hook failed",
            ),
            (
                after("wipe"),
                &[],
                &["db-wipe", "--yes"],
                6,
                "finished, but the after-wipe hook failed",
            ),
            (
                after("prepare"),
                &[],
                &["db-prepare", "--replace", "--yes"],
                6,
                "finished, but the after-prepare hook failed",
            ),
            (
                gone.clone(),
                &[],
                &["db-reset", "--force"],
                1,
                "could not start the container web; the work itself is done",
            ),
        ] {
            scope.spawn(move || struck(&toml, beside, args).exits(code).tells(says));
        }
    });
}

/// A container that the engine is about to stop can't be started: it would not run afterwards.
#[test]
fn a_stop_is_waited_for() {
    let web = "[containers.web]\ndocker = \"web\"\nstop-during = [\"restore\"]\n";
    let bench = slow(&format!("{HOST}{web}"));
    bench.with_backup();
    bench.stage("containers/web", "running\n");

    for name in ["INT", "TERM"] {
        let args = ["db-restore", "--latest", "--yes"];
        drop(std::fs::remove_file(bench.root().join("stopping")));
        let mut run = begun(&bench, &args);
        there(&bench, &mut run, "stopping");
        signal(&run, name);

        Said::plain(bench.root(), &args, &run.wait_with_output().unwrap())
            .exits(130)
            .tells("stop the container web")
            .tells("start the container web")
            .tells("error: interrupted\n  the live data is as it was\n");
        std::thread::sleep(std::time::Duration::from_millis(1500));
        assert_eq!(bench.container("web"), "running", "SIG{name}");
    }
}
