//! A wipe's own words: its plan, its pin, what it refuses, what it says in the end; and the marker
//! that keeps it away.

use serde_json::{Value, json};

use super::snapshots::same_as;
use super::terminal::{Terminal, available};
use super::{Bench, DOCKER, HOST, facts, table};
use crate::support::need;

/// All that a wipe may meet in a database.
fn full() -> Value {
    let mut facts = facts("app");
    let mut odd = table("Odd.Name", 2);
    odd["schema"] = "shop".into();
    odd["name"] = "shop.\"Odd.Name\"".into();

    let mut extension = table("spatial_ref_sys", 8500);
    extension["extension"] = "postgis".into();

    let mut events = table("events", 0);
    events["kind"] = "p".into();

    let mut part = table("events_2026", 1_234_567);
    part["parents"] = json!(["public.events"]);

    let more = [odd, extension, events, part, table("countries", 249)];
    facts["inventory"]["tables"].as_array_mut().unwrap().extend(more);
    facts["inventory"]["views"] =
        json!([{ "name": "public.totals", "owner": "boss", "populated": true, "ours": true }]);
    facts["inventory"]["sequences"] = json!(["public.invoice_numbers"]);
    facts["inventory"]["large_objects"] = 2.into();

    facts["sessions"] =
        json!([{ "pid": 41, "user": "shop", "app": "web", "host": "10.0.0.9", "state": "idle" }]);

    facts
}

fn kept(names: &str) -> String {
    format!("{HOST}[guards]\nkeep-tables = {names}\n")
}

fn pinned(toml: &str) -> Bench {
    let mut bench = Bench::new(toml);
    bench.env("ALLOW_DATABASE_WIPE", "true");
    bench
}

/// The tables, each with its rows, and every guard's word: without a pin, and nothing but questions
/// asked.
#[test]
fn a_dry_run_shows_every_table_and_needs_no_pin() {
    let bench = Bench::new(&kept("[\"countries\"]"));
    bench.facts("app", full());
    let before = bench.files();
    let text = bench.run(&["db-wipe", "--dry-run", "--verbose"]).exits(0).out;
    assert_eq!(bench.files(), before);
    assert!(bench.calls().iter().all(|call| call.stdin.starts_with("\\echo :VERSION_NUM")));
    same_as("dry-run-wipe", &text);
}

/// What a person sees of a wipe and of a marking, from beginning to end.
#[test]
fn whole_runs() {
    let bench = pinned(&kept("[\"countries\"]"));
    bench.facts("app", full()).stage("marker", "production\n");

    let mut text = String::new();

    for args in [
        &["db-wipe", "--backup", "--yes"][..],
        &["db-wipe", "--yes", "--quiet"],
        &["db-wipe", "--yes"],
        &["db-protect"],
    ] {
        let said = bench.run(args).exits(0);
        text.push_str(&format!(
            "$ {}\nstdout:\n{}stderr:\n{}\n",
            args.join(" "),
            said.out,
            said.err
        ));
    }

    let mut as_superuser = full();
    as_superuser["role"]["superuser"] = true.into();
    bench.facts("app", as_superuser);

    let said = bench.run(&["db-protect", "--environment", "production"]).exits(0);
    text.push_str(&format!(
        "$ db-protect --environment production\nstdout:\n{}stderr:\n{}\n",
        said.out, said.err
    ));
    same_as("runs-wipe", &text);

    let manifest =
        bench.names_in("backups").into_iter().find(|name| name.ends_with(".json")).unwrap();
    assert_eq!(bench.manifest(&format!("backups/{manifest}"))["reason"], "pre-wipe");
}

#[test]
fn the_pin_is_pulled_in_the_environment_alone() {
    let cure = |line: &str| {
        format!(
            "look first (`--dry-run` needs no safety pin); then `export {line}`, and `unset \
             ALLOW_DATABASE_WIPE` afterwards"
        )
    };

    let not_set = "`ALLOW_DATABASE_WIPE` is not set: it is a safety pin, and prevents this from \
                   happening by accident";
    for (env, dotenv, why) in [
        (None, None, not_set),
        (Some(""), None, not_set),
        (Some("1"), None, "`ALLOW_DATABASE_WIPE` is set, but not to `true`"),
        (
            None,
            Some("TRUE"),
            "`ALLOW_DATABASE_WIPE` is set only in `.env`; set it in the environment, for one run",
        ),
    ] {
        let mut bench = Bench::new(HOST);
        if let Some(value) = env {
            bench.env("ALLOW_DATABASE_WIPE", value);
        }
        if let Some(value) = dotenv {
            bench.file(".env", format!("ALLOW_DATABASE_WIPE={value}\n"));
        }
        let said = bench.run(&["db-wipe", "--yes"]).exits(3);
        said.error(&format!(
            "`db-wipe` is refused by the pin guard\n  pin: {why}\n  next: {}",
            cure("ALLOW_DATABASE_WIPE=true")
        ));
        // what is out of reach is not counted either
        assert!(bench.calls().len() == 1 && !bench.calls()[0].stdin.contains("count(*) FROM ONLY"));
    }
}

/// make, direnv and just export what `.env` holds: then the pin is in the environment, once and for
/// all.
#[test]
fn a_pin_that_a_file_holds_is_not_pulled_whoever_exports_it() {
    for (file, text) in [
        (".env", "ALLOW_DATABASE_WIPE=true\n"),
        (".env", "export ALLOW_DATABASE_WIPE='true' # always\n"),
        (".env.local", "ALLOW_DATABASE_WIPE=true\n"),
        (".envrc", "export ALLOW_DATABASE_WIPE=true\n"),
    ] {
        for (exported, more) in [(true, &[][..]), (false, &[][..]), (true, &["--no-dotenv"][..])] {
            if !exported && file != ".env" {
                continue;
            }

            let mut bench = Bench::new(HOST);
            bench.file(file, text);
            if exported {
                bench.env("ALLOW_DATABASE_WIPE", "true");
            }

            bench.run(&[&["db-wipe", "--yes"], more].concat()).exits(3).error(&format!(
                "`db-wipe` is refused by the pin guard\n  pin: `ALLOW_DATABASE_WIPE=true` is set \
                 in `{file}`: a safety pin counts only if it is set for one run\n  next: remove it \
                 from `{file}`, and set it for one run"
            ));
        }
    }
}

#[test]
fn pins_of_other_names_and_tasks() {
    let guards = "[guards]\npins = { wipe = \"I_MEAN=every row\", undo = \"BACK=1\", seed = \
                  \"SEED=1\" }\n[hooks]\nseed = [\"migrator\"]\n";
    let mut bench = Bench::new(&format!("{HOST}{guards}"));
    bench.env("ALLOW_DATABASE_WIPE", "true").facts("app", super::with_beside(&["previous"]));
    bench.run(&["db-wipe", "--yes"]).exits(3).tells("then `export I_MEAN='every row'`");
    bench.run(&["db-undo", "--yes"]).exits(3).tells("`BACK` is not set");

    bench.run(&["db-seed"]).exits(3).tells("`SEED` is not set");
    bench.env("I_MEAN", "every row").env("BACK", "1").env("SEED", "1");
    bench.run(&["db-wipe", "--yes"]).exits(0);

    // the file's comes beside the one that is always there, and not in its place
    bench
        .env("ALLOW_DATABASE_WIPE", "no")
        .run(&["db-wipe", "--yes"])
        .exits(3)
        .tells("`ALLOW_DATABASE_WIPE` is set, but not to `true`");

    bench.run(&["db-seed"]).exits(0);
    bench.run(&["db-undo", "--yes"]).exits(0);

    // a reset that makes no backup wants one, too
    let mut bench =
        Bench::new(&format!("{HOST}[guards]\npins = {{ reset = \"RESET=1\" }}\n{}", super::HOOKS));
    bench.env("RESET", "1");
    bench
        .run(&["db-reset", "--force", "--skip-backup"])
        .exits(3)
        .tells("`ALLOW_DATABASE_WIPE` is not set");
    bench
        .env("ALLOW_DATABASE_WIPE", "true")
        .run(&["db-reset", "--force", "--skip-backup"])
        .exits(0);
}

#[test]
fn a_pin_can_be_added_and_none_be_taken_away() {
    let written = |pins: &str, cure: &str, why: &str| {
        let bench = Bench::new(&format!("{HOST}[guards]\npins = {{ {pins} }}\n"));
        let said = bench.run(&["db-wipe", "--yes"]).exits(2);
        assert!(
            said.err.contains("is wrong at line 7, column") && said.err.contains(why),
            "{}",
            said.err
        );
        assert!(said.err.ends_with(&format!("\n  next: {cure}\n")), "{}", said.err);
    };

    for bad in ["", "NAME", "=true", "NAME=", "two words=1"] {
        let cure = "write it like `wipe = \"ALLOW_DATABASE_WIPE=true\"`; you can add a pin, not \
                    remove one";
        written(
            &format!("wipe = \"{bad}\""),
            cure,
            &format!("the safety pin `{bad}` is not of the form `VARIABLE=value`"),
        );
    }

    for always in ["PATH=/bin", "LC_ALL=C.UTF-8", "lang=C", "HOME=/root", "USER=me"] {
        let why = format!(
            "`{}` is set in every shell: it can't be a safety pin",
            always.split_once('=').unwrap().0
        );
        written(&format!("reset = \"{always}\""), "name another variable", &why);
    }

    let cure = "use one of `backup`, `restore`, `undo`, `reset`, `migrate`, `seed`, `prepare`, \
                `wipe`, `cleanup`";
    written("status = \"A=b\"", cure, "`status` can't have a safety pin");

    let bench = Bench::new(&format!("{HOST}[guards]\npins = {{ wipe = false }}\n"));
    bench
        .run(&["db-wipe", "--yes"])
        .exits(2)
        .tells("invalid type: boolean `false`, expected a string");

    // a value that is read from the variable itself would always be right
    let mut bench = Bench::new(&format!("{HOST}[guards]\npins = {{ wipe = \"X=${{X}}\" }}\n"));
    bench.env("X", "1").run(&["db-wipe", "--yes"]).exits(3).tells("`X` is set, but not to `${X}`");
}

#[test]
fn what_is_kept_needs_what_it_refers_to() {
    let bench = pinned(&kept("[\"orders\"]"));
    bench.run(&["db-wipe", "--yes"]).exits(3).only_error(
        "a table of `app` that keeps its rows needs rows that would be removed\n  public.orders -> \
         public.people\n  next: keep those, too: add 'public.people' to `guards.keep-tables` in \
         `db-tasks.toml`; or do not keep the first one",
    );

    bench.file("db-tasks.toml", kept("[\"orders\", \"public.people\"]"));
    assert_eq!(bench.run(&["db-wipe", "--yes"]).exits(0).out, "app: 0 tables, 0 rows\n");
    assert!(bench.calls().iter().all(|call| !call.stdin.contains("TRUNCATE TABLE")));
}

#[test]
fn a_misspelt_table_costs_no_rows() {
    let bench = pinned(&kept("[\"peopel\"]"));
    bench.run(&["db-wipe", "--yes"]).exits(3).only_error(
        "`guards.keep-tables` names `peopel`, but there is no such table\n  if the name is \
         misspelt, the table you meant to keep would be emptied\n  next: correct the name in \
         `db-tasks.toml` (`schema.table`, or `table` in any schema), or remove it",
    );

    bench.file("db-tasks.toml", kept("[\"a.b.c\"]"));
    bench
        .run(&["db-wipe", "--yes"])
        .exits(2)
        .tells("`a.b.c` is not a table name")
        .tells("line 7, column 16");
}

#[test]
fn rights_are_looked_at_first() {
    for (change, error) in [
        (
            json!({ "lacks": "SELECT and TRUNCATE", "owner": "other" }),
            "the role `boss` can't empty `public.orders`, which `other` owns\n  it has no right to \
             SELECT and TRUNCATE\n  next: connect as `other` or as a superuser, or keep the table \
             (`guards.keep-tables`)",
        ),
        (
            json!({ "lacks": "the sequence public.s", "owner": "other" }),
            "the role `boss` can't empty `public.orders`, which `other` owns\n  it has no right to \
             the sequence public.s\n  next: connect as `other` or as a superuser, or keep the \
             table (`guards.keep-tables`)",
        ),
    ] {
        let bench = pinned(HOST);
        let mut all = facts("app");
        for (key, value) in change.as_object().unwrap() {
            all["inventory"]["tables"][0][key] = value.clone();
        }
        bench.facts("app", all).run(&["db-wipe", "--yes"]).exits(3).only_error(error);
    }

    let bench = pinned(HOST);
    let mut all = full();
    all["inventory"]["views"][0]["ours"] = false.into();
    all["inventory"]["views"][0]["owner"] = "other".into();

    bench.facts("app", all).run(&["db-wipe", "--yes"]).exits(3).only_error(
        "the role `boss` can't refresh `public.totals`, which `other` owns\n  a materialised view \
         keeps the old rows until it is refreshed\n  next: connect as `other` or as a superuser",
    );

    let bench = pinned(HOST);
    let mut all = facts("app");
    all["slots"] = 1.into();

    bench
        .facts("app", all)
        .run(&["db-wipe", "--yes"])
        .exits(3)
        .tells("`app` is held by 1 logical replication slot");
}

#[test]
fn nothing_there_and_nothing_to_do() {
    let bench = pinned(HOST);
    let mut none = facts("app");
    none["databases"] = json!([]);

    bench
        .facts("app", none)
        .run(&["db-wipe", "--yes"])
        .exits(1)
        .tells("there is no database `app` on the server");

    let mut empty = facts("app");
    empty["inventory"] = json!({});

    let said = bench.facts("app", empty).run(&["db-wipe", "--backup", "--yes"]).exits(0);
    assert_eq!(said.out, "app: 0 tables, 0 rows\n");
    bench
        .run(&["db-wipe", "--only", "other"])
        .exits(2)
        .tells("`db-tasks.toml` has no database `other`");
}

#[test]
fn a_wipe_takes_the_databases_name() {
    need!("script of util-linux", available());
    let bench = pinned(HOST);
    bench.facts("app", full());

    for (answer, code) in [("app\n", 0), ("yes\n", 4), ("y\n", 4), ("APP\n", 4), ("\x04", 4)] {
        bench.forget_calls();
        let mut person = Terminal::run(&bench, &["db-wipe"]);
        person
            .sees("public.orders")
            .sees("300  emptied")
            .sees("this deletes the live data of `app` (localhost)");
        person.sees(
            "connected now; these sessions are terminated if they block the change: web \
                     (shop, pid 41)",
        );
        person.sees("NO backup of `app` is made: this can't be undone; there is no good backup");

        person.sees("Type `app` to delete the live data of `app`: ").types(answer);
        let screen = person.ends(code);
        let wiped = bench.calls().iter().any(|call| call.stdin.contains("TRUNCATE TABLE"));

        assert_eq!(wiped, code == 0, "{answer:?}: {screen}");
        assert_eq!(screen.contains("declined: nothing was changed"), code == 4, "{screen}");
    }
}

#[test]
fn no_wipe_without_its_backup() {
    let bench = pinned(HOST);
    bench
        .complains("pg_dump", 1, "pg_dump: error: it was not to be\n")
        .run(&["db-wipe", "--backup", "--yes"])
        .exits(1);
    assert!(bench.calls().iter().all(|call| !call.stdin.contains("TRUNCATE TABLE")));
    assert!(bench.names_in("backups").is_empty());
}

#[test]
fn a_marker_is_only_tightened() {
    let bench = Bench::new(DOCKER);
    let marked = |marker: &str| {
        let mut all = facts("app");
        all["databases"][0]["settings"] =
            json!([{ "name": "dbtasks.environment", "value": marker }]);
        all
    };

    let args = |environment: &'static str| ["db-protect", "--environment", environment];
    let mut others = facts("app");
    others["databases"][0]["owner"] = json!("other");
    bench.facts("app", others);

    bench.run(&args("production")).exits(3).only_error(
        "the role `boss` may not mark `app`\n  PostgreSQL lets only superusers give a database a \
         setting with an unknown name, and only its owner comment on it\n  next: have an \
         administrator run `ALTER DATABASE \"app\" SET dbtasks.environment = 'production';`, or \
         its owner `other` run this command",
    );

    bench.facts("app", marked("production"));
    bench.run(&args("dev's")).exits(3).only_error(
        "`app` is marked as `production`, and `dev's` would protect nothing\n  this command only \
         tightens: only an administrator can lift a protection, in the database\n  next: if it is \
         wrong, have an administrator run `ALTER DATABASE \"app\" SET dbtasks.environment = \
         'dev''s';`",
    );

    let said = bench.run(&args("production")).exits(0);
    assert_eq!(said.err, "`app` (container shop-pg) is already marked as `production`\n");
    bench.run(&args(" ")).exits(2).tells("`--environment` is empty");

    let text = bench.run(&["db-protect"]).exits(0).out;
    assert_eq!(
        text,
        "DATABASE  AT                 MARKER      MEANS\napp       container shop-pg  production  \
         protected: its data is not replaced, and no flag lifts that\n"
    );

    assert!(bench.calls().iter().all(|call| !call.stdin.contains("ALTER DATABASE")));
    // somebody else's word came in between
    let mut as_superuser = facts("app");
    as_superuser["role"]["superuser"] = true.into();
    bench.facts("app", as_superuser).stage("marker", "staging\n");
    bench.run(&args("production")).exits(1).tells("expected `production`, found `staging`");
}
