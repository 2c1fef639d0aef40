//! What bash offers at a Tab.

use super::{Bench, HOST, TOOL};

/// What is offered for the last of these words.
fn offered(bench: &Bench, words: &[&str]) -> Vec<String> {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let function = if words[0] == "cargo" { "_db_tasks_of_cargo" } else { "_db_tasks" };
    let script = format!(
        "source <('{TOOL}' db-completions bash) && complete -p db-tasks cargo \
         >&2\nCOMP_WORDS=({}) COMP_CWORD={}\n{function}\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"",
        quoted.join(" "),
        words.len() - 1
    );

    let out = bench.command("bash").args(["--norc", "-c", &script]).output().unwrap();
    assert!(out.status.success(), "{words:?}: {}", String::from_utf8_lossy(&out.stderr));

    String::from_utf8_lossy(&out.stdout)
        .lines()
        .filter(|line| !line.is_empty())
        .map(String::from)
        .collect()
}

#[test]
fn bash_completes_below_the_command_and_offers_backups() {
    let bench = Bench::new(HOST);
    std::os::unix::fs::symlink(TOOL, bench.dir.join("../bin/db-tasks")).unwrap();

    let name = bench.with_backup();
    bench.file("backups/shop of old.sql", "not looked into yet");

    for (words, want) in [
        (&["db-tasks", "db-rest"][..], &["db-restore"][..]),
        (&["db-tasks", "--quiet", "db-pro"], &["db-protect"]),
        (&["db-tasks", "db-restore", "--lat"], &["--latest"]),
        (&["db-tasks", "restore", "--no-o"], &["--no-owner"]),
        (&["/usr/local/bin/db-tasks", "db-completions", "z"], &["zsh"]),
        (&["db-tasks", "db-restore", "app_"], &[name.as_str()]),
        (&["db-tasks", "db-info", "shop"], &["shop\\ of\\ old.sql"]),
        (&["db-tasks", "verify", "--deep", "app_"], &[name.as_str()]),
        (&["cargo", "xtask", "db-restore", "app_"], &[name.as_str()]),
        (&["cargo", "db-tasks", "db-wi"], &["db-wipe"]),
        (&["db-tasks", "db-restore", "--file", "db-tasks.t"], &["db-tasks.toml"]),
        (&["db-tasks", "db-backup", "--label", "app"], &[]),
    ] {
        assert_eq!(offered(&bench, words), want, "{words:?}");
    }

    assert!(offered(&bench, &["cargo", "bui"]).is_empty(), "cargo's own words are not ours");
    // elsewhere there is no project, and nothing is said
    let nowhere = Bench::new(HOST);
    std::fs::remove_file(nowhere.dir.join("db-tasks.toml")).unwrap();
    std::os::unix::fs::symlink(TOOL, nowhere.dir.join("../bin/db-tasks")).unwrap();
    assert!(offered(&nowhere, &["db-tasks", "db-restore", "app"]).is_empty());
}
