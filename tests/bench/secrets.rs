//! T35: a password is never shown, written down or put on a command line.

use super::{Bench, DOCKER};

const PASSWORD: &str = "hunter22/%&";
const URL: &str = "DATABASE_URL=postgresql://boss:hunter22%2F%25%26@localhost/app\n";

#[test]
fn nowhere() {
    let bench = Bench::new(
        "[project]\nname = \"shop\"\n[databases.main]\nprograms = \"../bin\"\npostgres = { url = \"${DATABASE_URL}\" }\n",
    );
    bench.file(".env", URL);
    each_way(&bench);
    assert!(bench.calls().iter().all(|call| call.env["PGPASSWORD"] == PASSWORD), "the children have it");
}

#[test]
fn nowhere_in_a_container() {
    let bench = Bench::new(&format!("{DOCKER}postgres = {{ url = \"${{DATABASE_URL}}\" }}\n"));
    bench.file(".env", URL);
    each_way(&bench);
    let exec = |words: &[String]| words.windows(2).any(|two| two == ["-e", "PGPASSWORD"]);
    let inside = bench.calls().into_iter().filter(|call| call.argv[1] == "exec");
    assert!(inside.into_iter().all(|call| exec(&call.argv) && call.env["PGPASSWORD"] == PASSWORD));
}

fn each_way(bench: &Bench) {
    let mut all = String::new();
    bench.run(&["db-backup"]).exits(0);
    bench.learn_counts();
    for args in [
        vec!["db-config"],
        vec!["db-config", "--json"],
        vec!["db-backup", "--dry-run"],
        vec!["db-restore", "--latest", "--dry-run"],
        vec!["db-restore", "--latest", "--yes"],
        vec!["db-list", "--json"],
        vec!["db-status"],
        vec!["db-status", "--json"],
        vec!["db-doctor"],
        vec!["db-shell", "--dry-run"],
        vec!["db-verify"],
    ] {
        let said = bench.run(&args).exits(0);
        all.push_str(&format!("{}\n{}\n", said.out, said.err));
    }
    let parrot = format!("psql: error: invalid URI postgresql://boss:{PASSWORD}@localhost/app, hunter22%2F%25%26\n");
    bench.complains("pg_dump", 1, &parrot);
    let dumped = bench.run(&["db-backup"]).exits(1);
    bench.complains("psql", 2, &parrot);
    let asked = bench.run(&["db-backup"]).exits(1);
    for said in [dumped, asked] {
        all.push_str(&format!("{}\n{}\n", said.out, said.err));
    }
    assert!(!all.contains("hunter22"), "{all}");
    let traces = bench.traces();
    assert!(!traces.contains("hunter22"), "{traces}");
}

#[test]
fn a_broken_dotenv_is_not_quoted() {
    let bench = Bench::new(super::HOST);
    // nobody needs the first one
    bench.file(".env", "OTHER='hunter22\nOK=1\nPGPASSWORD=\"hunter22 and more\n");
    let said = bench.run(&["db-list"]).exits(2);
    assert!(!said.err.contains("hunter22"), "{}", said.err);
    said.tells("line 3 of `.env`, which sets `PGPASSWORD`, can't be read").tells("its quotation mark \" is not closed");
    bench.file(".env", "OTHER='hunter22\nOK=1\nPGPASSWORD=hunter22 and more\n");
    bench.run(&["db-backup"]).exits(0);
    assert!(bench.calls().iter().all(|call| call.env["PGPASSWORD"] == "hunter22 and more"));
}
