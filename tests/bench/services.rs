//! Containers that stand still while live data changes.

use super::{Bench, HOST};

const THREE: &str = "[containers.web]\ndocker = \"shop-web\"\nstop-during = \
                     [\"restore\"]\n[containers.jobs]\ndocker = \"shop-jobs\"\nstop-during = \
                     [\"restore\"]\n[containers.api]\ndocker = \"shop-api\"\nstop-during = \
                     [\"restore\"]\n";

const RESTORE: [&str; 3] = ["db-restore", "--latest", "--yes"];

fn bench() -> Bench {
    let bench = Bench::new(&format!("{HOST}{THREE}"));
    for name in ["web", "jobs", "api"] {
        bench.stage(&format!("containers/shop-{name}"), "running\n");
    }
    bench.with_backup();
    bench
}

#[test]
fn they_are_stopped_in_the_order_of_the_file_and_started_in_the_reverse() {
    let bench = bench();
    bench.run(&RESTORE).exits(0);
    let said = |verb: &'static str| {
        let calls = bench.calls().into_iter().filter(move |call| call.argv[1] == verb);
        calls.map(|call| call.argv[2].clone()).collect::<Vec<_>>()
    };
    assert_eq!(said("stop"), ["shop-web", "shop-jobs", "shop-api"]);
    assert_eq!(said("start"), ["shop-api", "shop-jobs", "shop-web"]);
}

#[test]
fn one_that_does_not_exist_is_in_nobodys_way() {
    let bench = bench();
    std::fs::remove_file(bench.dir.join("../containers/shop-jobs")).unwrap();

    let note = "the container `shop-jobs` does not exist: nothing to stop";
    let shown = bench.run(&["db-restore", "--latest", "--dry-run"]).exits(0).out;
    assert!(shown.contains(&format!("\n  note: {note}\n")), "{shown}");
    bench.run(&RESTORE).exits(0).tells(note).tells("stop the container shop-api");

    // nor is a service of compose that was never made
    bench.file(
        "db-tasks.toml",
        format!(
            "{HOST}{}",
            THREE.replace("docker = \"shop-jobs\"", "compose = { service = \"jobs\" }")
        ),
    );

    bench.stage("compose", "other-jobs\trunning\tother\t/elsewhere\n");
    bench.run(&RESTORE).exits(0).tells(
        "there is no container of the compose service `jobs` of `[DIR]`; of other projects: \
         other-jobs (project other, in /elsewhere): nothing to stop",
    );
}

#[test]
fn an_engine_that_does_not_answer_is_an_error() {
    let bench = bench();
    bench.stage("containers/shop-jobs", "unanswered\n");
    bench
        .run(&RESTORE)
        .exits(1)
        .tells("could not look at the container `shop-jobs`")
        .tells("Cannot connect to the Docker daemon");
    assert_eq!(bench.container("shop-web"), "running");

    let json = [&RESTORE[..], &["--json"]].concat();
    assert!(bench.run(&json).exits(1).out.contains("\"code\": \"container-down\""));
}

/// A deed that can't be done is told with its number, and a person may say that it is of no matter.
#[test]
fn a_clean_up_that_can_not_be_done_can_be_forgotten() {
    let bench = bench();
    bench.keep();
    bench.run(&RESTORE).exits(0);

    let good = bench.calls();
    let start = good
        .iter()
        .position(|call| call.argv[1] == "start" && call.argv[2] == "shop-jobs")
        .unwrap();
    bench.rewind();
    bench.fail_at(&good, start);
    bench
        .run(&RESTORE)
        .exits(1)
        .tells("could not start the container shop-jobs; the work itself is done");

    // it is tried again by the next run, and has gone for good
    std::fs::remove_file(bench.dir.join("../containers/shop-jobs")).unwrap();
    std::fs::remove_dir_all(bench.dir.join("../fail")).ok();

    let said = bench.run(&["db-repair"]).exits(1);
    let deed = "1. write start the container shop-jobs";
    said.tells(deed).tells("`db-repair --forget NUMBER`");

    let said = bench
        .run(&["db-backup", "--auto"])
        .exits(0)
        .tells("note: a clean-up step of an earlier run is not done yet");
    assert!(!said.err.contains(deed), "it was told: {}", said.err);
    bench.run(&["db-repair", "--forget", "2"]).exits(2).tells(deed);
    assert_eq!(
        bench.run(&["db-repair", "--forget", "1"]).exits(0).out,
        format!("forgotten: {deed}\n")
    );
    assert_eq!(bench.run(&["db-repair"]).exits(0).out, "nothing to repair\n");

    bench.run(&["db-repair", "--forget", "1"]).exits(2).tells("nothing is left to be cleaned up");
}
