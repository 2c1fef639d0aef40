//! T35: a password is never shown, written down or put on a command line.

use super::{Bench, DOCKER};

const PASSWORD: &str = "hunter22/%&";
const URL: &str = "DATABASE_URL=postgresql://boss:hunter22%2F%25%26@localhost/app\n";

#[test]
fn nowhere() {
    let bench = Bench::new(
        "[project]\nname = \"shop\"\n[databases.main]\nprograms = \"../bin\"\npostgres = { url = \
         \"${DATABASE_URL}\" }\n",
    );
    bench.file(".env", URL);
    each_way(&bench);
    assert!(
        bench.calls().iter().all(|call| call.env["PGPASSWORD"] == PASSWORD),
        "the children have it"
    );
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
        vec!["db-backup", "--dry-run", "--verbose"],
        vec!["db-restore", "--latest", "--dry-run", "--verbose"],
        vec!["db-restore", "--latest", "--yes"],
        vec!["db-list", "--json"],
        vec!["db-status"],
        vec!["db-status", "--json"],
        vec!["db-doctor"],
        vec!["db-shell", "--dry-run", "--verbose"],
        vec!["db-verify"],
    ] {
        let said = bench.run(&args).exits(0);
        all.push_str(&format!("{}\n{}\n", said.out, said.err));
    }

    let parrot = format!(
        "psql: error: invalid URI postgresql://boss:{PASSWORD}@localhost/app, hunter22%2F%25%26\n"
    );
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
    said.tells("line 3 of `.env`, which sets `PGPASSWORD`, can't be read")
        .tells("its quotation mark \" is not closed");
    bench.file(".env", "OTHER='hunter22\nOK=1\nPGPASSWORD=hunter22 and more\n");
    bench.run(&["db-backup"]).exits(0);

    assert!(bench.calls().iter().all(|call| call.env["PGPASSWORD"] == "hunter22 and more"));
}

/// What applications keep in settings, and what the environment puts into a hook's words.
#[test]
fn neither_settings_nor_variables_in_hooks_are_shown() {
    let hooks = "[hooks]\nbefore-backup = [\"sh\", \"-c\", \"echo $0\", \"token ${API_TOKEN} as \
                 ${ROLE}\"]\nbefore-restore = [\"sh\", \"-c\", \"true\", \"${API_TOKEN}\"]\n";
    let mut bench = Bench::new(&format!("{}{hooks}", super::HOST));
    bench.env("API_TOKEN", "tok-9f8e7d6c").env("ROLE", "plain-role");

    let mut facts = super::facts("app");
    let setting =
        |name: &str, value: &str| serde_json::json!({ "role": null, "name": name, "value": value });
    facts["databases"][0]["settings"] = serde_json::json!([
        setting("app.jwt_secret", "s3t-it's\nhere"),
        setting("search_path", "s3t-a, s3t-b")
    ]);
    bench.facts("app", facts);

    let made = bench.run(&["db-backup"]).exits(0);
    bench.learn_counts();

    let mut all = format!("{}{}", made.out, made.err);
    assert!(
        all.contains("token *** as plain-role"),
        "the hook has them, and says what is no secret: {all}"
    );

    let planned = bench.run(&["db-backup", "--dry-run", "--verbose"]).exits(0);
    assert!(planned.out.contains("token <$API_TOKEN> as <$ROLE>"), "{}", planned.out);

    for words in [
        &["db-restore", "--latest", "--dry-run", "--verbose"][..],
        &["db-restore", "--latest", "--dry-run", "--json"],
        &["db-restore", "--latest", "--yes", "--json"],
        &["db-info", "app", "--json"],
        &["db-config"],
        &["db-config", "--json"],
        &["db-status", "--json"],
    ] {
        let said = bench.run(words).exits(0);
        all.push_str(&format!("{}{}", said.out, said.err));
    }

    let dry = bench.run(&["db-restore", "--latest", "--dry-run", "--verbose"]).exits(0);
    assert!(dry.out.contains("SET \"app\".\"jwt_secret\" TO ***;"), "{}", dry.out);

    for needle in ["tok-9f8e7d6c", "s3t-"] {
        assert!(!all.contains(needle), "{needle}: {all}");
    }

    let audit = std::fs::read_to_string(bench.dir.join(".db-tasks/audit.jsonl")).unwrap();
    assert!(!audit.contains("s3t-") && !audit.contains("tok-9f"), "{audit}");
}

/// Two bytes are a password, too.
#[test]
fn a_short_password_is_hidden() {
    let toml = super::HOST.replace(
        "database = \"app\", user = \"boss\"",
        "url = \"postgres://boss:ab@localhost/app\"",
    );
    let bench = Bench::new(&format!(
        "{toml}[hooks]\nbefore-backup = \"echo pw is $PGPASSWORD url $DATABASE_URL about\"\n"
    ));
    let said = bench.run(&["db-backup"]).exits(0);

    assert!(said.err.contains("pw is *** url ") && said.err.contains(" about"), "{}", said.err);
    assert!(!said.err.contains(":ab@"), "{}", said.err);
}
