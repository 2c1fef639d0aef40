//! The audit log on a real server: what it says of it, and what the backups know of the log.

use std::fs;

use db_tasks::bundle::Manifest;
use serde_json::Value;

use super::{Project, tiny};
use crate::support::cluster::cluster;
use crate::support::need;

const ONE: &str = "[databases.main]\npostgres = { url = \"${DATABASE_URL}\" }\n";
const LOG: &str = ".db-tasks/audit.jsonl";

fn lines(project: &Project) -> Vec<Value> {
    let text = fs::read_to_string(project.dir.join(LOG)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_backup_knows_the_log_and_finds_its_cut_tail() {
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();
    tiny(cluster, &db.name);
    let project = Project::new(ONE).env("DATABASE_URL", &db.url);

    project.ok("db-backup");
    let oid: u32 = cluster
        .sql(&db.name, "SELECT oid FROM pg_database WHERE datname = current_database()")
        .trim()
        .parse()
        .unwrap();
    project.ok("db-restore --latest --yes");
    let said = lines(&project);
    assert!(said.len() >= 2, "{said:?}");
    assert_eq!(said[0]["servers"][0]["oid"], oid);
    assert_eq!(said[0]["servers"][0]["database"], db.name.as_str());
    assert_eq!(said[0]["backups"], said[1]["backups"], "it restored what was made");

    project.ok("db-backup --label later");
    let manifest = project
        .files()
        .into_iter()
        .find(|path| path.to_string_lossy().ends_with("later.manifest.json"))
        .unwrap();
    let anchor = Manifest::read(&manifest).unwrap().audit.unwrap();
    assert_eq!(anchor.line, said.len() as u64);
    assert_eq!(said[0]["chain"]["log"], anchor.log.as_str());
    project.ok("db-log --verify");

    // the restore never happened, somebody says
    let text = fs::read_to_string(project.dir.join(LOG)).unwrap();
    fs::write(project.dir.join(LOG), text.split_inclusive('\n').next().unwrap()).unwrap();
    let words = format!("the log ends at line 1, but the backup `{}", db.name);
    project.fails("db-log --verify", 1, &words);
}
