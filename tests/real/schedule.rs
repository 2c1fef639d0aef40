//! `db-schedule` with the real crontab and the real systemd's reading of units, and a backup that
//! cron's own environment makes.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Project, TOOL, tiny};
use crate::support::cluster::{Cluster, TempDb, cluster};
use crate::support::component::{output, script};
use crate::support::need;

/// A project that only its `.env` tells about its database, in a folder with an odd name.
fn project(cluster: &Cluster, within: &Path) -> (TempDb, Project) {
    let db = cluster.database();
    tiny(cluster, &db.name);
    let folder = within.join("100% \"shop's\" $HOME");
    fs::create_dir(&folder).unwrap();

    let config = "[databases.main]\npostgres = { url = \"${DATABASE_URL}\" }\n";
    let project = Project::in_folder(&folder, config);
    project.write(".env", format!("DATABASE_URL={}\n", db.url));

    (db, project)
}

/// Runs lines in a mount namespace, where these folders are empty and ours alone.
fn apart(folders: &[&str], mut command: Command, lines: &str) -> Result<String, String> {
    let mounts: String =
        folders.iter().map(|folder| format!("mount -t tmpfs none {folder}\n")).collect();
    let script = format!("set -eu\n{mounts}{lines}");
    output(command.args(["--mount", "sh", "-c", &script, "sh", TOOL]))
}

fn namespaces() -> Result<(), String> {
    output(Command::new("unshare").args(["--mount", "true"])).map(drop)
}

#[test]
fn cron_makes_a_backup_in_its_own_bare_environment() {
    let cluster = need!("postgresql", cluster());
    need!("mount namespaces", namespaces());
    let cron = need!("cron", output(&mut Command::new(script("cron.sh"))));
    let within = tempfile::tempdir().unwrap();
    let (_db, project) = project(cluster, within.path());

    let path = format!("{cron}:{}", std::env::var("PATH").unwrap());
    let mut unshare = project.program("unshare");
    unshare.env("PATH", path);
    let lines = "mkdir -p /var/spool/cron/crontabs\necho '0 1 * * * true' | crontab -\n\
                 \"$1\" --quiet db-schedule install --with crontab\ncrontab -l\n\
                 \"$1\" --quiet db-schedule remove\necho removed\ncrontab -l";
    let said = apart(&["/var/spool"], unshare, lines).unwrap();

    let (installed, removed) = said.split_once("removed\n").unwrap();
    assert_eq!(removed.trim(), "0 1 * * * true");
    assert!(installed.starts_with("0 1 * * * true\n"), "{installed}");
    let line = installed.lines().find_map(|line| line.strip_prefix("*/5 * * * * ")).unwrap();

    // crontab(5): an escaped `%` is one, and a bare one would end the command
    assert!(!line.replace("\\%", "").contains('%'), "{line}");
    let mut job = Command::new("/bin/sh");
    job.env_clear().envs([("HOME", "/"), ("LOGNAME", "root"), ("SHELL", "/bin/sh")]);
    job.env("PATH", "/usr/bin:/bin").current_dir("/");
    output(job.args(["-c", &line.replace("\\%", "%")])).unwrap();

    assert_eq!(project.files().iter().filter(|f| f.extension().unwrap() == "zst").count(), 1);
    project.ok("db-verify --latest");
}

#[test]
fn systemd_reads_the_units_as_they_are_meant() {
    let cluster = need!("postgresql", cluster());
    need!("mount namespaces", namespaces());
    let analyze = need!("systemd", output(&mut Command::new(script("systemd.sh"))));
    let within = tempfile::tempdir().unwrap();
    let (_db, project) = project(cluster, within.path());

    let bin = project.shim("systemctl", "echo \"systemctl $*\" >>\"$HOME/told\"");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut unshare = project.program("unshare");
    unshare.env("PATH", path).env("ANALYZE", analyze);
    let lines = "\"$1\" --quiet db-schedule install --with systemd\n\
                 cd /etc/systemd/system\n\"$ANALYZE\" verify ./*.timer ./*.service 2>&1\n\
                 cat ./*.service\ncd \"$OLDPWD\"\n\
                 \"$1\" --quiet db-schedule remove\nls /etc/systemd/system";
    let said = apart(&["/etc/systemd/system"], unshare, lines).unwrap();

    // `verify` is silent where all is well, and the folder is empty at the end
    assert!(said.starts_with("# `db-schedule` wrote this file"), "{said}");
    assert!(said.lines().last().unwrap().starts_with("ExecStart="), "{said}");
    assert!(said.contains("/100%% \"shop's\" $HOME\n"), "{said}");

    let told = fs::read_to_string(project.home().join("told")).unwrap();
    let told: Vec<&str> =
        told.lines().map(|l| l.rsplit_once(" db-tasks-").map_or(l, |l| l.0)).collect();
    let wanted = [
        "systemctl daemon-reload",
        "systemctl enable --now",
        "systemctl disable --now",
        "systemctl daemon-reload",
    ];
    assert_eq!(told, wanted);
}

#[test]
fn a_trial_restore_runs_on_the_server_that_has_the_data() {
    let cluster = need!("postgresql", cluster());
    let within = tempfile::tempdir().unwrap();
    let (_db, project) = project(cluster, within.path());
    let config = "[databases.main]\npostgres = { url = \"${DATABASE_URL}\" }\n[schedule]\n\
                  cleanup = \"never\"\ntrial-restore = 30\n";
    project.write("db-tasks.toml", config);

    let said = project.ok("db-schedule run --due");
    assert!(said.err.contains("trial restore: db-verify --deep --latest"), "{}", said.err);
    assert!(said.err.contains("trial restore: done"), "{}", said.err);
    let info = project.ok("db-list --json");
    assert!(info.out.contains("verified deep"), "{}", info.out);
}
