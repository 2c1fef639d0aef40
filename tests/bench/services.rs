//! Containers that stand still while live data changes.

use super::{Bench, HOST};

const THREE: &str = "[containers.web]\ndocker = \"shop-web\"\nstop-during = [\"restore\"]\n\
    [containers.jobs]\ndocker = \"shop-jobs\"\nstop-during = [\"restore\"]\n\
    [containers.api]\ndocker = \"shop-api\"\nstop-during = [\"restore\"]\n";

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
    std::fs::remove_file(bench.project.join("../containers/shop-jobs")).unwrap();
    let note = "the container `shop-jobs` does not exist: nothing to stop";
    let shown = bench.run(&["db-restore", "--latest", "--dry-run"]).exits(0).out;
    assert!(shown.contains(&format!("\n  note: {note}\n")), "{shown}");
    bench.run(&RESTORE).exits(0).tells(note).tells("stop the container shop-api");
    // nor is a service of compose that was never made
    bench.file("db-tasks.toml", format!("{HOST}{}", THREE.replace("docker = \"shop-jobs\"", "compose = { service = \"jobs\" }")));
    bench.stage("compose", "other-jobs\trunning\tother\t/elsewhere\n");
    bench.run(&RESTORE).exits(0).tells(
        "compose has no container for the service `jobs` of `[DIR]`; of other projects: other-jobs (project other, in /elsewhere): \
         nothing to stop",
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
}
