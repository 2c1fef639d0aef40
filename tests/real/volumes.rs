//! What `db-doctor` says of the volume that a container's data is in.

use super::Project;
use crate::support::component::unique;
use crate::support::docker::{Options, container, engine};
use crate::support::{need, watchdog};

const DATA: &str = "/var/lib/postgresql/data";

#[test]
fn a_volume_s_name_tells_what_takes_it_away() {
    let engine = need!("docker", engine());
    let name = unique("dbt-volume");
    watchdog::at_exit(&format!("DOCKER_HOST='{}' docker volume rm -f {name}", engine.docker_host));

    let named = format!("{name}:{DATA}");
    let folder = tempfile::tempdir().unwrap();
    let bound = format!("{}:{DATA}", folder.path().join("data").display());

    for (run, says, is_note) in [
        (&["-v", named.as_str()][..], format!("is in the volume `{name}`"), false),
        (&["-v", DATA], "is in a volume without a name".into(), true),
        (&["--tmpfs", DATA], "is in memory".into(), true),
        (&["-e", "PGDATA=/srv/pg"], "is not in a volume".into(), true),
        (&["-v", bound.as_str()], "is in the folder".into(), false),
    ] {
        let pg = need!("container", container(&Options { run, ..Options::default() }));
        let config = format!(
            "[containers.pg]\ndocker = \"{}\"\n[databases.main]\ncontainer = \"pg\"\n",
            pg.name
        );
        let project = Project::new(&config).env("DOCKER_HOST", &engine.docker_host);
        let found = project.run("db-doctor").out;
        let at = found.find("database main: volume").unwrap_or_else(|| panic!("{run:?}: {found}"));
        let finding: Vec<&str> = found[at..].lines().take(2).collect();
        assert!(finding[0].contains(&says), "{run:?}: {finding:?}");
        assert_eq!(
            finding.join(" ").contains("a volume with a name"),
            is_note,
            "{run:?}: {finding:?}"
        );
    }
}
