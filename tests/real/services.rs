//! Containers that stand still during a restore, and are waited for: those that have a health
//! check.

use std::time::{Duration, Instant};

use super::{Project, same, tiny};
use crate::support::cluster::cluster;
use crate::support::component::unique;
use crate::support::docker::{Engine, IMAGE, engine};
use crate::support::{need, watchdog};

struct Dependent {
    engine: &'static Engine,
    name: String,
}

impl Dependent {
    /// Its program takes two seconds to be ready.
    fn start(engine: &'static Engine, check: &str) -> Result<Self, String> {
        let dependent = Self { engine, name: unique("dbt-web") };
        watchdog::at_exit(&format!(
            "DOCKER_HOST='{}' docker rm -vf {}",
            engine.docker_host, dependent.name
        ));

        let program = "trap 'exit 0' TERM; rm -f /tmp/ready; echo begins, at $DATABASE_URL; sleep \
                       2; touch /tmp/ready; echo \"Error: the token $API_TOKEN is not known at \
                       redis://x:else22@cache\" >&2; sleep infinity & wait";
        let env =
            ["-e", "DATABASE_URL=postgres://shop:hunter22@db/shop", "-e", "API_TOKEN=tok-9f8e7d6c"];

        let run = [
            "run",
            "-d",
            "--init=false",
            "--name",
            &dependent.name,
            "--network",
            "none",
            "--health-cmd",
            check,
        ];

        let health =
            ["--health-interval", "500ms", "--health-retries", "2", "--health-start-period", "4s"];
        engine.docker(
            &[&run[..], &env, &health, &["--entrypoint", "bash", IMAGE, "-c", program]].concat(),
        )?;

        Ok(dependent)
    }

    fn is(&self, format: &str) -> String {
        self.engine.docker(&["inspect", "-f", format, &self.name]).unwrap()
    }
}

impl Drop for Dependent {
    fn drop(&mut self) {
        let _ = self.engine.docker(&["rm", "-vf", &self.name]);
    }
}

fn config(web: &Dependent, within: u32) -> String {
    format!(
        "[containers.web]\ndocker = \"{}\"\nstop-during = [\"restore\"]\nready-within = \
         {within}\n[databases.main]\npostgres = {{ url = \"${{DATABASE_URL}}\" }}\n",
        web.name
    )
}

#[test]
fn a_service_with_a_health_check_is_waited_for_until_it_is_healthy() {
    let engine = need!("docker", engine());
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();

    tiny(cluster, &db.name);
    let before = cluster.fingerprint(&db.name);
    let web = need!("container", Dependent::start(engine, "test -e /tmp/ready"));
    let project = Project::new(&config(&web, 30))
        .env("DATABASE_URL", &db.url)
        .env("DOCKER_HOST", &engine.docker_host);

    project.backup();
    cluster.sql(&db.name, "DELETE FROM orders");

    let begun = Instant::now();
    project
        .ok("db-restore --latest --yes")
        .ends_with(0, &format!("for the container {} to be healthy", web.name));
    // it is not healthy before it is ready
    assert_eq!(web.is("{{.State.Health.Status}}"), "healthy");
    assert!(begun.elapsed() > Duration::from_secs(2), "{:?}", begun.elapsed());
    same(&cluster.fingerprint(&db.name), &before);

    // a limit that is too short for it: it is said first, and the restore has been done
    cluster.sql(&db.name, "DELETE FROM orders");
    project.write("db-tasks.toml", config(&web, 1));

    let first = format!(
        "error: waiting for the container {} to be healthy timed out; the work itself is done\n",
        web.name
    );
    project.fails("db-restore --latest --yes", 1, &first).ends_with(1, "it answers `starting`");
    same(&cluster.fingerprint(&db.name), &before);
    assert_eq!(web.is("{{.State.Status}}"), "running");
}

#[test]
fn a_service_that_never_gets_healthy_is_given_up() {
    let engine = need!("docker", engine());
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();

    tiny(cluster, &db.name);
    let before = cluster.fingerprint(&db.name);
    let web = need!("container", Dependent::start(engine, "false"));
    let project = Project::new(&config(&web, 7))
        .env("DATABASE_URL", &db.url)
        .env("DOCKER_HOST", &engine.docker_host);

    project.backup();
    cluster.sql(&db.name, "DELETE FROM orders");

    let said = project.fails("db-restore --latest --yes", 1, "it answers `unhealthy`");
    let lines: Vec<&str> =
        said.err.lines().skip_while(|line| !line.starts_with("error: ")).collect();

    assert_eq!(
        lines[..4],
        [
            &format!(
                "error: waiting for the container {} to be healthy timed out; the work itself is \
                 done",
                web.name
            ),
            &format!("  waited 7 s for the container {} to be healthy", web.name),
            "    it answers `unhealthy`",
            &format!("    the last lines of the log of {}:", web.name),
        ]
    );

    // its log tells why, and none of its secrets
    let log = lines[4..lines.len() - 1].iter().map(|line| line.trim()).collect::<Vec<_>>();
    let both = [
        "begins, at postgres://shop:***@db/shop",
        "Error: the token *** is not known at redis://x:***@cache",
    ];
    assert_eq!(log[log.len() - 2..], both, "{log:?}");

    assert!(
        !said.err.contains("hunter22")
            && !said.err.contains("tok-9f")
            && !said.err.contains("else22"),
        "{}",
        said.err
    );

    assert_eq!(
        lines.last(),
        Some(&"  next: do the things named above by hand; do not run the command again for it")
    );
    same(&cluster.fingerprint(&db.name), &before);
    assert_eq!(web.is("{{.State.Status}}"), "running");
    // what was to be awaited is nothing that a later run could do
    assert_eq!(project.ok("db-repair").out.trim(), "nothing to repair");
}
