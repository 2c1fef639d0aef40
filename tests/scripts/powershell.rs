//! `scripts/db.ps1`: its grammar everywhere, and its runs where there is a PowerShell.

use super::*;
use crate::support::need;

fn read(file: &Path) -> Result<String, String> {
    output(Command::new(script("powershell.sh")).arg(file))
}

#[test]
fn the_script_is_powershell() {
    let repo = Repo::new();
    let file = repo.root.join("scripts/db.ps1");
    need!("PowerShell's grammar", read(&file));
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.is_ascii(), "5.1 reads a file without a byte order mark as ANSI");
    let broken = text.replacen("} else {", "else {", 1);
    repo.file("broken.ps1", &broken);
    assert!(read(&repo.root.join("broken.ps1")).is_err(), "the grammar knows wrong from right");
}

#[test]
fn it_says_what_the_shells_script_says() {
    let plain = |name: &str| {
        let text = fs::read_to_string(Repo::new().root.join("scripts").join(name)).unwrap();
        text.replace("$env:", "$").replace("\\$", "$").replace("\\`", "`").replace("``", "`")
    };
    let shells = plain("db");
    let said: Vec<&str> = shells
        .split(['"', '\''])
        .filter(|t| {
            ["error: ", "  looked for: ", "  next: "].iter().any(|word| t.starts_with(word))
        })
        .collect();

    let own =
        |text: &&&str| text.contains("this script") || text.contains("the db-tasks program in it");
    let missing: Vec<_> =
        said.iter().filter(|text| !own(text) && !plain("db.ps1").contains(**text)).collect();
    assert!(said.len() == 7 && missing.is_empty(), "{missing:?} of {said:?}");
}

#[test]
fn it_runs_where_there_is_a_powershell() {
    let Ok(pwsh) = output(Command::new("sh").args(["-c", "command -v pwsh"])) else {
        return println!("no pwsh here: only the grammar of scripts/db.ps1 was read");
    };
    let repo = Repo::new();
    let call = |words: &[&str]| {
        let mut command = repo.command(&pwsh);
        command
            .current_dir(&repo.deep)
            .args(["-NoProfile", "-NonInteractive", "-File", "../../scripts/db.ps1"])
            .args(words);
        command
    };

    for (typed, seen) in [
        (
            &["backup", "--label", "a b;touch gone", "$(touch gone)"][..],
            &["db-backup", "--label", "a b;touch gone", "$(touch gone)"][..],
        ),
        (&["db-list"], &["db-list"]),
        (&["--version"], &["--version"]),
        (&["status"], &["db-status"]),
        (&[], &[]),
    ] {
        ends(call(typed).env("ENDS", "3"), 3, "");
        assert_eq!(repo.seen("db-tasks"), seen);
        repo.nothing_is_gone();
    }

    ends(
        call(&["list"]).env("DB_TASKS", "/nowhere/db-tasks"),
        2,
        "error: DB_TASKS is `/nowhere/db-tasks`, and that is no program",
    );

    fs::remove_file(repo.temp.path().join("bin/db-tasks")).unwrap();
    ends(&mut call(&["list"]), 2, "error: there is no db-tasks to run");
}
