//! The lines of docs/callers for npm, CI and cron are what is run here; and all of them once with
//! the tool and a server.

use super::*;
use crate::support::need;

const CLUSTER: &str = "[project]\nname = \"shop\"\n[databases.main]\ncluster = \
                       \".db-tasks/pg\"\ninit = \"init.sql\"
[hooks]
migrate = 'psql -Xq -d \"$DATABASE_URL\" -f init.sql'
";

/// The code in this language.
pub fn block(language: &str) -> String {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/callers.md"))
        .unwrap();
    let code = page
        .split(&format!("```{language}\n"))
        .nth(1)
        .unwrap_or_else(|| panic!("no {language} in it"));
    code.split("```").next().unwrap_or_default().to_owned()
}

/// `npm run`, of that package.json.
fn npm(repo: &Repo, words: &[&str]) -> Result<Command, String> {
    repo.file("package.json", &block("json"));
    let mut command = repo.command(program("npm")?);
    command.env("npm_config_update_notifier", "false").args(["run", "--silent"]).args(words);
    Ok(command)
}

/// The steps of the workflow that are ours.
fn steps() -> Vec<String> {
    let yaml = block("yaml");
    let runs = yaml.lines().filter_map(|l| l.trim().strip_prefix("- run: ")?.split(" #").next());
    runs.map(|step| step.trim().to_owned()).filter(|step| step.starts_with("scripts/")).collect()
}

/// The lines of the crontab as cron gives them to sh, and cron's variables.
fn jobs(repo: &Repo) -> Vec<Command> {
    let here = |text: &str| {
        let root = format!("'{}'", repo.root.display());
        text.replace("/srv/shop", &root)
            .replace("/home/shop/.cargo", &repo.temp.path().to_string_lossy())
    };

    let table = block("cron");
    let (variables, lines): (Vec<&str>, Vec<&str>) = table.lines().partition(|l| !l.contains(' '));

    let job = |line: &&str| {
        let rest = line.splitn(6, ' ').nth(5).unwrap().trim();
        let mut sh = repo.command("/bin/sh");
        // cron's own PATH; `mail` is the stand-in
        sh.env("PATH", format!("{}:/usr/bin:/bin", repo.temp.path().join("cron").display()));

        sh.envs(
            variables
                .iter()
                .filter_map(|v| v.split_once('='))
                .map(|(name, value)| (name, here(value))),
        );

        sh.current_dir(repo.temp.path().join("home")).args(["-c", &here(rest)]);
        sh
    };

    fs::create_dir_all(repo.temp.path().join("cron")).unwrap();
    let _ = symlink(repo.temp.path().join("bin/mail"), repo.temp.path().join("cron/mail"));

    lines.iter().map(job).collect()
}

#[test]
fn npm_runs_the_tasks() {
    let repo = Repo::new();
    let table: [(&[&str], &[&str]); 6] = [
        (&["db:backup"], &["db-backup"]),
        (&["db:backup:auto"], &["db-backup", "--auto", "--compress", "gzip"]),
        (&["db:reset"], &["db-reset"]),
        (&["db:reset:force"], &["db-reset", "--force"]),
        (&["db:restore", "--", "--latest"], &["db-restore", "--latest"]),
        (
            &["db:restore", "--", "--file", "a b;touch gone $(touch gone).sql"],
            &["db-restore", "--file", "a b;touch gone $(touch gone).sql"],
        ),
    ];

    for (typed, wanted) in table {
        ends(&mut need!("npm", npm(&repo, typed)), 0, "");
        let words = repo.seen("db-tasks");
        assert_eq!(words, wanted);
        repo.nothing_is_gone();
        understood(&words);
    }

    ends(need!("npm", npm(&repo, &["db:restore"])).current_dir(&repo.deep).env("ENDS", "3"), 3, "");
}

#[test]
fn the_workflow_backs_up_and_resets() {
    let repo = Repo::new();
    let mut seen = Vec::new();

    for step in steps() {
        // as GitHub and GitLab run a step
        ends(repo.command("bash").args(["-e", "-c", &step]), 0, "");
        let words = repo.seen("db-tasks");
        understood(&words);

        ends(
            repo.command("bash")
                .args(["-e", "-c", &format!("{step}\ntouch gone")])
                .env("ENDS", "1"),
            1,
            "",
        );

        repo.nothing_is_gone();
        seen.push(words.join(" "));
    }

    assert_eq!(seen, ["db-reset --force", "db-migrate"]);
}

#[test]
fn cron_backs_up_and_raises_the_alarm() {
    let repo = Repo::new();
    let mut jobs = jobs(&repo);
    assert_eq!(jobs.len(), 2);
    ends(&mut jobs[0], 0, "");
    understood(&repo.seen("db-tasks"));

    assert!(repo.noted("env").lines().any(|line| line == "BACKUP_RETENTION_DAYS=30"));
    ends(&mut jobs[1], 0, "");
    understood(&repo.seen("db-tasks"));
    assert!(!repo.temp.path().join("seen/mail").exists(), "all is well");
    ends(jobs[1].env("ENDS", "1"), 1, "");

    assert_eq!(repo.seen("mail"), ["-s", "shop", "ops"]);
}

#[test]
fn all_of_them_work_on_a_server() {
    need!("postgresql", crate::support::cluster::programs());
    let repo = Repo::with_tool();
    repo.file("db-tasks.toml", CLUSTER);
    repo.file("init.sql", "CREATE TABLE t AS SELECT n FROM generate_series(1, 100) AS n;\n");
    repo.file("Makefile", &block("make"));

    let make = need!("make", program("make"));
    let backups =
        || fs::read_dir(repo.root.join("backups")).map_or(0, |entries| entries.count() / 2);

    let count = || {
        ends(
            repo.command("scripts/db").args(["shell", "-c", "SELECT 'rows: ' || count(*) FROM t"]),
            0,
            "rows: ",
        )
        .out
    };

    let hundred = count();

    ends(&mut need!("npm", npm(&repo, &["db:backup:auto"])), 0, ".sql.gz");
    ends(repo.command(&make).args(["db-backup", "ARGS=--auto --label 'by make'"]), 0, ".sql.zst");

    ends(
        repo.command("bash").args(["-e", "-c", &steps()[1]]),
        0,
        "what was there before is in the backup",
    );

    ends(&mut jobs(&repo)[0], 0, "");
    assert_eq!(backups(), 4);
    ends(&mut jobs(&repo)[1], 0, "");
    assert!(!repo.temp.path().join("seen/mail").exists(), "no alarm");

    ends(repo.command("scripts/db").args(["shell", "-c", "DELETE FROM t"]), 0, "");
    assert_ne!(count(), hundred);
    ends(repo.command(&make).args(["db-restore", "LATEST=1"]), 2, "Error 3");
    ends(repo.command(&make).args(["db-restore", "LATEST=1", "YES=1", "DRY_RUN=1"]), 0, "");
    assert_ne!(count(), hundred, "a dry run");

    ends(repo.command(&make).args(["db-restore", "LATEST=1", "YES=1"]), 0, "");
    assert_eq!(count(), hundred);
    ends(&mut need!("npm", npm(&repo, &["db:restore", "--", "--latest", "--yes"])), 0, "");

    for reset in [
        repo.command("bash").args(["-e", "-c", &steps()[0]]),
        &mut need!("npm", npm(&repo, &["db:reset:force"])),
        repo.command(&make).args(["db-reset", "ARGS=--force"]),
    ] {
        ends(repo.command("scripts/db").args(["shell", "-c", "DELETE FROM t"]), 0, "");
        ends(reset, 0, "run the migrate hook");
        assert_eq!(count(), hundred);
    }

    ends(
        repo.command("../../scripts/db").current_dir(&repo.deep).args(["verify", "--deep"]),
        0,
        "",
    );
}
