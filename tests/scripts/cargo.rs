//! `scripts/db` where the repo has an xtask of its own, with the real cargo.

use super::*;

const MAIN: &str = r#"
fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    println!("{words:?} {} {}", std::process::id(), std::env::current_dir().unwrap().display());
    std::process::exit(5);
}
"#;

/// A call from deep in the repo, without a `db-tasks` on PATH.
fn call(repo: &Repo) -> Command {
    let _ = fs::remove_file(repo.temp.path().join("bin/db-tasks"));
    let cargo = repo.temp.path().join("bin/cargo");
    if !cargo.exists() {
        repo.program("cargo", Path::new(env!("CARGO")));
    }

    // rustc is beside the cargo that builds these tests
    let rustc = Path::new(env!("CARGO")).with_file_name("rustc");
    let mut command = repo.command("../../scripts/db");
    command.current_dir(&repo.deep).env("RUSTC", rustc);

    command
}

#[test]
fn an_xtask_of_the_repo_is_found_from_every_folder() {
    let repo = Repo::new();
    repo.file("Cargo.toml", "[package]\nname = \"xtask\"\nedition = \"2021\"\n[workspace]\n");
    repo.file("src/main.rs", MAIN);
    ends(call(&repo).arg("list"), 2, "there is no db-tasks to run");

    repo.file(".cargo/config.toml", "[alias]\nxtask = \"run --quiet --offline --\"\n");
    let child = call(&repo)
        .args(["backup", "--label", "a b", "--auto"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();

    let id = child.id();
    let said = Said::of(child.wait_with_output().unwrap()).ends_with(5, "");

    let wanted = format!(
        "{:?} {id} {}\n",
        ["db-backup", "--label", "a b", "--auto"],
        repo.deep.canonicalize().unwrap().display()
    );

    assert_eq!(said.out, wanted, "the words, the very process, the folder");
}

/// cargo takes an alias's first word for a command of its own: it looks for `cargo-db-tasks`, and
/// says the word again.
#[test]
fn the_readmes_alias_reaches_the_tool() {
    let repo = Repo::new();
    call(&repo);
    repo.program("cargo-db-tasks", Path::new(env!("CARGO_BIN_EXE_cargo-db-tasks")));
    repo.file(".cargo/config.toml", "[alias]\nxtask = \"db-tasks\"\n");

    for words in [&["xtask", "db-list", "--help"][..], &["db-tasks", "db-list", "--help"]] {
        ends(
            repo.command("cargo").current_dir(&repo.deep).args(words),
            0,
            "Usage: cargo db-tasks db-list [OPTIONS]",
        );
    }

    ends(
        repo.command("cargo").current_dir(&repo.deep).args(["db-tasks", "--help"]),
        0,
        "  cargo db-tasks db-undo  ",
    );

    ends(call(&repo).args(["list", "--help"]), 0, "Usage: db-list [OPTIONS]");
}
