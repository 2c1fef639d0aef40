//! The "Database Backup & Restore Guide" of a backend with npm, Prisma and PostgreSQL on the host.

use std::fs;
use std::process::Command;

use super::{Repo, shape};
use crate::real::{Held, same, tiny};
use crate::support::cluster::{Cluster, cluster};
use crate::support::component::{output, script};
use crate::support::need;

const DB: &str = "rephlo-dev";
const SQL: &str = "rephlo-dev_0000-00-00T00-00-00.sql";
const MANIFEST: &str = "rephlo-dev_0000-00-00T00-00-00.manifest.json";

/// The repo, with Prisma's engine stood in for: it comes from a host of its own.
fn repo(cluster: &Cluster) -> Repo {
    let repo = Repo::of("rephlo");
    fs::write(repo.dir.join(".env"), format!("DATABASE_URL={}?schema=public\n", cluster.url(DB)))
        .unwrap();

    repo.program(
        "npx",
        "echo \"npx $*\" >>npx.log\ntest \"$*\" = 'prisma migrate deploy' || exit 2\nexec psql \
         -qX -v ON_ERROR_STOP=1 -c 'CREATE TABLE users (id serial PRIMARY KEY, email text NOT \
         NULL)'",
    );
    repo
}

fn npm() -> Result<(), String> {
    output(Command::new("npm").arg("--version"))
        .or_else(|_| output(&mut Command::new(script("migrators.sh"))))
        .map(drop)
}

fn shapes(repo: &Repo) -> Vec<String> {
    repo.names("backups").iter().map(|name| shape(name)).collect()
}

#[test]
fn the_guide_from_top_to_bottom() {
    let cluster = need!("postgresql", cluster());
    need!("npm", npm());
    need!("script", crate::bench::terminal::available());
    cluster.sql("postgres", &format!("CREATE DATABASE \"{DB}\" OWNER app TEMPLATE template0"));

    let _db = cluster.named(DB);
    tiny(cluster, DB);

    let before = cluster.fingerprint(DB);
    let repo = repo(cluster);

    // "Restore fails: no such file or directory: backups/" is no matter: a backup makes the folder
    repo.fails("npm run --silent db:restore -- --latest", 1, "`db-backup` makes one");

    // npm run db:backup: it shows the database, asks, and says where the backup is and how large
    let said = repo
        .typed("npm run --silent db:backup", "n\n")
        .ends_with(4, "declined: nothing was changed");
    assert!(said.out.contains("back up `rephlo-dev` (127.0.0.1:"), "{}", said.out);
    assert!(repo.names("backups").is_empty());
    repo.typed("npm run --silent db:backup", "y\n").ends_with(0, "verified");
    assert_eq!(shapes(&repo), [MANIFEST, SQL]);

    // npm run db:backup:auto: no question, gzip; what is older than 30 days goes
    let manifest = repo.dir.join("backups").join(&repo.names("backups")[0]);
    let text = fs::read_to_string(&manifest).unwrap();
    let year = text.split("\"created\": \"").nth(1).unwrap()[..4].to_owned();

    fs::write(
        &manifest,
        text.replacen(&format!("\"created\": \"{year}"), "\"created\": \"2019", 1),
    )
    .unwrap();

    // it is the only good one still: it goes when there is another, which is the new one
    repo.ok("npm run --silent db:backup:auto").ends_with(0, "backup, ");
    assert_eq!(repo.names("backups").iter().filter(|name| name.ends_with(".sql")).count(), 0);

    output(
        Command::new("gunzip")
            .arg("-t")
            .arg(repo.dir.join("backups").join(&repo.names("backups")[1])),
    )
    .unwrap();

    // npm run db:reset: a warning, a backup, a word to type; without it nothing happens
    let said = repo
        .typed("npm run --silent db:reset", "yes\n")
        .ends_with(4, "declined: nothing was changed");
    assert!(said.out.contains("replaces the live data of `rephlo-dev`"), "{}", said.out);
    repo.fails("npm run --silent db:reset", 3, "standard input is not a terminal");
    same(&cluster.fingerprint(DB), &before);
    assert!(!repo.dir.join("npx.log").exists());

    repo.typed("npm run --silent db:reset", "rephlo-dev\n").ends_with(0, "npm run prisma:generate");
    assert_eq!(cluster.sql(DB, "SELECT count(*) FROM users"), "3");
    assert_eq!(
        fs::read_to_string(repo.dir.join("npx.log")).unwrap(),
        "npx prisma migrate deploy\n"
    );
    assert_eq!(repo.names("backups").iter().filter(|name| name.ends_with(".sql.gz")).count(), 2);

    // npm run db:restore: a numbered list, q to quit, the word yes
    repo.typed("npm run --silent db:restore", "q\n").ends_with(4, "no backup was chosen");
    repo.typed("npm run --silent db:restore", "1\nno\n").ends_with(4, "declined");
    assert_eq!(cluster.sql(DB, "SELECT count(*) FROM users"), "3");
    repo.typed("npm run --silent db:restore", "1\nyes\n").ends_with(0, "npm run prisma:studio");
    same(&cluster.fingerprint(DB), &before);

    // CI: db:reset:force still backs up; SKIP_BACKUP_PROMPT answers the question
    let backups = repo.names("backups").len();
    repo.ok("npm run --silent db:reset:force");
    assert_eq!(repo.names("backups").len(), backups + 2);
    repo.ok("SKIP_BACKUP_PROMPT=true npm run --silent db:reset");
    assert_eq!(cluster.sql(DB, "SELECT count(*) FROM users"), "3");

    // npm run db:restore -- --file NAME, and -- --latest
    let first = repo.names("backups").into_iter().find(|name| name.ends_with(".sql.gz")).unwrap();
    repo.ok(&format!("npm run --silent db:restore -- --yes --file {first}"));
    same(&cluster.fingerprint(DB), &before);
    repo.typed("npm run --silent db:restore -- --latest", "yes\n").ends_with(0, "");
    assert_eq!(cluster.sql(DB, "SELECT count(*) FROM users"), "3");

    // BACKUP_DIR and BACKUP_RETENTION_DAYS
    // the file says 30 days: the variable keeps what is older, and removes what is younger
    let backups = |days: u32| {
        repo.ok(&format!(
            "BACKUP_DIR=elsewhere BACKUP_RETENTION_DAYS={days} npm run --silent db:backup:auto"
        ));
        repo.names("elsewhere")
            .into_iter()
            .filter(|name| name.ends_with(".sql.gz"))
            .collect::<Vec<_>>()
    };

    let first = backups(90);
    made_days_ago(&repo, &first[0], 45);

    let two = backups(90);
    assert!(two.len() == 2 && two.contains(&first[0]), "{two:?}");
    made_days_ago(&repo, &first[0], 20);

    let left = backups(7);
    assert!(left.len() == 2 && !left.contains(&first[0]), "{left:?}");

    // "Never use db:reset" in production
    repo.fails("ENVIRONMENT=production npm run --silent db:reset:force", 3, "environment");
    troubleshooting(cluster, &repo);
}

/// Lets a backup of `elsewhere` be this old.
fn made_days_ago(repo: &Repo, name: &str, days: i64) {
    let manifest = repo.dir.join("elsewhere").join(name.replace(".sql.gz", ".manifest.json"));
    let mut json: serde_json::Value =
        serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    json["created"] = (chrono::Utc::now() - chrono::Duration::days(days)).to_rfc3339().into();
    fs::write(&manifest, json.to_string()).unwrap();
}

fn troubleshooting(cluster: &Cluster, repo: &Repo) {
    // pg_dump: command not found
    let none = repo.home.path().join("none");
    fs::create_dir(&none).unwrap();

    let said =
        repo.run(&format!("DB_TASKS_PG_BIN={} npm run --silent db:backup:auto", none.display()));
    said.ends_with(1, "apt-get install postgresql-client");

    // "Check logs/ directory for detailed error messages"
    let logs: Vec<String> = repo
        .names("logs")
        .iter()
        .filter(|name| name.ends_with(".log"))
        .map(|name| fs::read_to_string(repo.dir.join("logs").join(name)).unwrap())
        .collect();

    assert!(
        logs.len() > 10
            && logs.iter().any(|log| log.contains("error: ") && log.contains("apt-get install")),
        "{logs:?}"
    );

    assert!(logs.iter().all(|log| !log.contains("s3cret")), "no password is in them");
    // permission denied: check the credentials
    let url = cluster.url(DB).replace("s3cret", "wrong");
    repo.fails(
        &format!("DATABASE_URL='{url}' npm run --silent db:backup:auto"),
        1,
        "check the user and the password",
    );

    // "is being accessed by other users": nobody has to be sent away by hand
    let mut application = cluster.command("psql");
    application.args(["-d", &cluster.url(DB)]);

    let held = Held::of(application, "SELECT * FROM users");
    repo.ok("npm run --silent db:restore -- --latest --yes").ends_with(0, "connected");
    drop(held);
    // gzip: command not found
    repo.program("gzip", "exit 127");
    repo.ok("npm run --silent db:backup:auto");
}
