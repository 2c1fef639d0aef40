//! A dry run is what a run does: every command in its order, and after a failure at any of them
//! what the plan says.

use serde_json::Value;

use super::plan::{self, Failure, Promise};
use super::{Bench, Call, DOCKER, DUMP, HOOKS, HOST, facts, with_beside};

pub(super) const TWO: &str = "[project]\nname = \"shop\"\n[backup]\nname = \
                   \"set_{timestamp}/{store}.{ext}\"\n[databases.main]\nprograms = \
                   \"../bin\"\npostgres = { database = \"app\", user = \"boss\" \
                   }\n[databases.more]\nprograms = \"../bin\"\npostgres = { url = \
                   \"postgresql://boss:hunter22@localhost/app2?sslmode=disable\" }\n";
const SERVICES: &str = "[containers.web]\ndocker = \"shop-web\"\nstop-during = [\"restore\", \
                        \"undo\", \"reset\", \"wipe\"]\n[containers.jobs]\ndocker = \
                        \"shop-jobs\"\nstop-during = [\"restore\", \"undo\", \"reset\", \
                        \"wipe\"]\n[containers.idle]\ndocker = \"shop-idle\"\nstop-during = \
                        [\"restore\"]\n";
const COMPOSE: &str = "[project]\nname = \"shop\"\n[containers.pg]\ncompose = { service = \"db\", \
                       project = \"shop\" }\n[databases.main]\ncontainer = \"pg\"\n";

fn with_services(toml: &str) -> Bench {
    let bench = Bench::new(&format!("{toml}{SERVICES}"));
    bench.stage("containers/shop-web", "running\n").stage("containers/shop-jobs", "running\n");
    bench.stage("containers/shop-idle", "exited\n");
    bench
}

#[test]
fn backup_on_the_host() {
    holds(&Bench::new(HOST), &["db-backup", "--label", "before v2"]);
}

#[test]
fn backup_with_a_ratchet() {
    let bench = Bench::new(&format!("{HOST}[guards.ratchet]\nmin-records = 1\n"));
    holds(&bench, &["db-backup"]);
}

#[test]
fn backup_for_people_and_git() {
    let keys = "pg-dump-args = [\"-O\", \"-x\"]\nmode = \"0640\"\nlatest = \"symlink\"\nform = \
                \"stable\"\nkey-order = [\"*\"]\n";
    holds(&Bench::new(&format!("{HOST}[backup]\n{keys}")), &["db-backup"]);
}

#[test]
fn backup_in_a_container() {
    holds(&Bench::new(DOCKER), &["db-backup", "--compress", "gzip"]);
}

#[test]
fn backup_in_a_compose_service() {
    let bench = Bench::new(COMPOSE);
    bench.stage(
        "compose",
        "shop-pg\trunning\tshop\t/elsewhere\nother-pg\trunning\tother\t/elsewhere\n",
    );
    holds(&bench, &["db-backup"]);
}

#[test]
fn backup_of_two_databases_into_a_folder() {
    let bench = Bench::new(TWO);
    bench.facts("app2", facts("app2"));
    holds(&bench, &["db-backup"]);
}

#[test]
fn restore_on_the_host_stops_services() {
    let bench = with_services(HOST);
    bench.with_backup();
    holds(&bench, &["db-restore", "--latest", "--yes"]);
}

#[test]
fn restore_in_a_container_with_what_others_left() {
    let bench = with_services(DOCKER);
    bench.facts("app", with_beside(&["previous", "staged", "discard"]));
    bench.with_backup();
    holds(&bench, &["db-restore", "--latest", "--confirm", "app"]);
}

#[test]
fn restore_in_place_stops_services_before_its_backup() {
    let bench = with_services(HOST);
    bench.with_backup();
    holds(&bench, &["db-restore", "--latest", "--yes", "--in-place"]);
}

/// What pg_dump 17 writes, whatever server it reads, an older server is spared.
#[test]
fn restore_of_what_a_newer_pg_dump_has_written() {
    let bench = Bench::new(HOST);
    bench.with_backup();

    let newer = DUMP.replace("by pg_dump version 15.18", "by pg_dump version 17.6");
    let newer = newer.replace(
        "SET lock_timeout = 0;\n",
        "SET lock_timeout = 0;\nSET transaction_timeout = 0;\n",
    );
    bench.file("newer.sql", newer);
    bench.run(&["db-restore", "--file", "newer.sql", "--yes"]).exits(0).tells(
        "pg_dump 17.6 wrote it: its `SET transaction_timeout`, which a 15.18 server does not know, \
         is left out",
    );

    let loads: Vec<_> =
        bench.calls().into_iter().filter(|call| call.stdin.contains("COPY app.users")).collect();
    assert!(loads.len() == 1 && !loads[0].stdin.contains("SET transaction_timeout"), "{loads:#?}");
}

/// A role of the run's own loads it, and goes again.
#[test]
fn restore_of_a_file_from_elsewhere() {
    let bench = Bench::new(HOST);
    bench.with_backup();
    bench.file("prod.sql", DUMP);
    holds(&bench, &["db-restore", "--file", "prod.sql", "--yes"]);
}

#[test]
fn deep_verification_of_a_file_from_elsewhere() {
    let bench = Bench::new(HOST);
    bench.with_backup();
    bench.file("prod.sql", DUMP);
    holds(&bench, &["db-verify", "prod.sql", "--deep"]);
}

#[test]
fn restore_where_there_is_no_live_database() {
    let bench = Bench::new(HOST);
    let name = bench.with_backup();
    bench.facts("other", facts("app"));
    let mut none = facts("gone");
    none["databases"] = serde_json::json!([]);
    bench.facts("postgres", none);
    bench.file("db-tasks.toml", HOST.replace("\"app\"", "\"gone\""));
    holds(&bench, &["db-restore", &name, "--any-database"]);
}

#[test]
fn restore_beside_the_live_database() {
    let bench = with_services(HOST);
    bench.with_backup();
    bench.facts("postgres", with_beside(&[]));
    holds(&bench, &["db-restore", "--latest", "--as", "app_copy"]);
}

#[test]
fn undo_stops_services() {
    let bench = with_services(HOST);
    bench.facts("app", with_beside(&["previous"]));
    holds(&bench, &["db-undo", "--yes"]);
}

#[test]
fn reset_with_hooks_and_services() {
    holds(&with_services(&format!("{HOST}{HOOKS}")), &["db-reset", "--force"]);
}

#[test]
fn reset_in_a_container_beside_what_others_left() {
    let bench = with_services(&format!("{DOCKER}{HOOKS}"));
    bench.facts("app", with_beside(&["previous", "failed"]));
    holds(&bench, &["db-reset", "--confirm", "app", "--no-seed"]);
}

#[test]
fn reset_staged() {
    holds(
        &with_services(&format!("{HOST}[reset]\nstrategy = \"staged\"\n{HOOKS}")),
        &["db-reset", "--yes"],
    );
}

#[test]
fn hooks_alone() {
    let bench = Bench::new(&format!("{HOST}{HOOKS}before-seed = [\"migrator\", \"before\"]\n"));
    holds(&bench, &["db-migrate"]);
    let bench = Bench::new(&format!("{HOST}{HOOKS}"));
    holds(&bench, &["db-migrate", "--no-backup"]);
    let bench = Bench::new(&format!("{HOST}{HOOKS}before-seed = [\"migrator\", \"before\"]\n"));
    holds(&bench, &["db-seed", "--backup"]);
}

#[test]
fn prepare_what_is_missing() {
    let bench = Bench::new(&format!("{HOST}{HOOKS}"));
    let mut none = facts("gone");
    none["databases"] = serde_json::json!([]);
    bench.facts("postgres", none);
    bench.file("db-tasks.toml", format!("{}{HOOKS}", HOST.replace("\"app\"", "\"gone\"")));
    holds(&bench, &["db-prepare"]);
}

#[test]
fn prepare_what_is_empty() {
    let bench = Bench::new(&format!("{HOST}{HOOKS}"));
    holds(&bench, &["db-prepare"]);
}

/// The role may create no copy of it: the empty one itself is filled, and emptied again where that
/// fails.
#[test]
fn prepare_what_is_empty_without_the_right_to_copy_it() {
    let bench = Bench::new(&format!("{HOST}{HOOKS}"));
    let mut bare = facts("app");
    bare["role"]["createdb"] = false.into();
    bare["databases"][0]["owner"] = bare["role"]["name"].clone();
    bench.facts("app", bare);
    holds(&bench, &["db-prepare"]);
}

/// The role may create no copy of it: it is emptied, and its backup loaded again where the hooks
/// fail.
#[test]
fn reset_without_the_right_to_keep_the_old_one() {
    let bench = Bench::new(&format!("{HOST}{HOOKS}"));
    let mut weak = facts("app");
    weak["role"]["createdb"] = false.into();
    weak["databases"][0]["owner"] = weak["role"]["name"].clone();
    bench.with_backup();
    bench.facts("app", weak);
    holds(&bench, &["db-reset", "--force"]);
}

#[test]
fn prepare_what_another_left_half_made() {
    let bench = Bench::new(&format!("{HOST}{HOOKS}"));
    let mut half = facts("app");
    half["databases"][0]["connection_limit"] = 2_000_000_019.into();
    bench.facts("app", half);
    let text = bench.run(&["db-prepare", "--dry-run", "--verbose"]).exits(0).out;
    assert!(text.contains("remove what an earlier run left incomplete of `app`"), "{text}");
    assert!(text.contains("ALTER DATABASE \"app\" RENAME TO \"app__failed\";"), "{text}");
}

#[test]
fn wipe_stops_services_and_backs_up_first() {
    let mut bench = with_services(HOST);
    bench.env("ALLOW_DATABASE_WIPE", "true");
    holds(&bench, &["db-wipe", "--backup", "--yes"]);
}

#[test]
fn wipe_in_a_container() {
    let mut bench = with_services(DOCKER);
    bench.env("ALLOW_DATABASE_WIPE", "true");
    holds(&bench, &["db-wipe", "--confirm", "app"]);
}

#[test]
fn wipe_of_two_databases() {
    let mut bench = Bench::new(TWO);
    let mut other = facts("app2");
    other["databases"][0]["oid"] = 16386.into();
    bench.env("ALLOW_DATABASE_WIPE", "true").facts("app2", other);
    bench.stage("oids", "'app'|16384\n'app2'|16386\n");
    holds(&bench, &["db-wipe", "--backup", "--confirm", "app app2"]);
    bench.forget_calls();
    holds(&bench, &["db-wipe", "--yes", "--only", "more"]);
}

#[test]
fn protect_reads_back_what_it_wrote() {
    let bench = Bench::new(HOST);
    let mut as_superuser = facts("app");
    as_superuser["role"]["superuser"] = true.into();
    bench.facts("app", as_superuser).stage("marker", "production\n");
    holds(&bench, &["db-protect", "--environment", "production"]);
}

#[test]
fn verify_runs_nothing() {
    let bench = Bench::new(HOST);
    bench.with_backup();
    holds(&bench, &["db-verify"]);
}

#[test]
fn deep_verify_drops_what_it_made() {
    let bench = Bench::new(HOST);
    bench.facts("app", with_beside(&["scratch"]));
    bench.with_backup();
    holds(&bench, &["db-verify", "--deep"]);
}

/// Where the last act fails, no file is left, neither whole nor half.
#[test]
fn a_backup_that_cannot_be_sealed_leaves_nothing() {
    for (toml, manifest, error) in [
        (HOST, "${1%.sql.zst.partial}.manifest.json.partial", "could not write `"),
        (HOST, "${1%.sql.zst.partial}.manifest.json", "exists already"),
        (TWO, "$2/manifest.json.partial", "could not write `"),
    ] {
        let bench = Bench::new(toml);
        bench.facts("app2", facts("app2"));
        // a folder stands where the manifest is to be written
        let script =
            "set -- \"$bench\"/shop/backups/app_*.partial \"$bench\"/shop/backups/set_*.partial\n";
        bench.during_dump(&format!("{script}mkdir -p \"{manifest}\"\n"));
        bench.run(&["db-backup"]).exits(1).tells(error).tells("\n  next: ");
        let left: Vec<String> = bench
            .names_in("backups")
            .into_iter()
            .filter(|name| !name.contains("manifest"))
            .collect();
        assert_eq!(left, [""; 0]);
    }
}

/// The whole promise for one command.
#[track_caller]
fn holds(bench: &Bench, args: &[&str]) {
    bench.keep();
    let before = bench.files();
    let dry = bench.run(&[args, &["--dry-run", "--json"]].concat()).exits(0);
    let asked = bench.calls();

    assert_eq!(bench.files(), before, "a dry run changes nothing");
    assert!(asked.iter().all(only_looks), "a dry run only asks: {asked:#?}");

    let document: Value = serde_json::from_str(&raw(bench, &dry.out)).unwrap();
    let lines = plan::read(&document["plan"]["steps"]);

    bench.rewind();
    bench.run(args).exits(0);

    let good = bench.calls();
    // a wipe looks at its guards before it counts
    let asked = good.iter().take_while(|call| only_looks(call)).count();
    plan::assert_kept(&plan::expect(&lines, None), &good[asked..], "a good run");

    for at in plan::finally_places(&lines) {
        bench.rewind();
        bench.fail_at(&good, asked + at);

        let said = bench.run(args).exits(1).has_three_parts();
        let first = said.err.split_once("\nerror: ").unwrap().1.lines().next().unwrap().to_owned();
        assert!(
            first.starts_with("could not ") && first.ends_with("; the work itself is done"),
            "{first}"
        );
        said.tells("the bench says no");

        plan::assert_kept(
            &plan::expect(&lines, None),
            &bench.calls()[asked..],
            "a failure of what follows in any case",
        );
    }

    for (failure, companions) in plan::failures(&lines) {
        fails_well(bench, args, &lines, failure, companions, &good, asked);
    }
}

fn fails_well(
    bench: &Bench,
    args: &[&str],
    lines: &[plan::Line],
    failure: Failure,
    companions: usize,
    good: &[Call],
    asked: usize,
) {
    let when = format!("{args:?} failing at {failure:?}");
    let at = asked + place(lines, failure, &good[asked..]);
    bench.rewind();

    let before = bench.files();
    bench.fail_at(good, at);

    let said = bench.run(args);
    let makes_way =
        companions == 2 && failure.command == 0 && !plan::promised(lines, failure).loads();

    if makes_way {
        // the swap itself was done: whoever made way for it has no say
        said.exits(0);
        plan::assert_kept(&plan::expect(lines, None), &bench.calls()[asked..], &when);
        return;
    }

    // what follows the work makes none of it a failure
    let exit = if said.err.contains("\nerror: finished, but ") { 6 } else { 1 };
    said.exits(exit).tells("the bench says no").has_three_parts();
    plan::assert_kept(&plan::expect(lines, Some(failure)), &bench.calls()[asked..], &when);

    // a verification notes how it ended
    let is_note = |name: &str| args[0] == "db-verify" && name.ends_with(".notes.json");
    let final_names = |files: std::collections::BTreeMap<String, u32>| -> Vec<String> {
        files.into_keys().filter(|f| f.contains('.') && !is_note(f)).collect()
    };
    let (now, then) = (final_names(bench.files()), final_names(before));
    let new: Vec<&String> = now.iter().filter(|name| !then.contains(name)).collect();
    // a backup that was sealed before something else failed stays, whole
    let sealed = new.iter().any(|name| name.ends_with("manifest.json"))
        && new.iter().all(|name| !name.contains(".partial"));

    assert!(new.is_empty() || (sealed && args[0] != "db-backup"), "{when}: {new:?}");
    assert!(then.iter().all(|name| now.contains(name)), "{when}: {then:?} {now:?}");

    for service in ["shop-web", "shop-jobs"]
        .iter()
        .filter(|_| ["db-restore", "db-undo", "db-wipe"].contains(&args[0]))
    {
        if good.iter().any(|call| call.argv.iter().any(|word| word == service))
            && !starts(good, at, service)
        {
            assert_eq!(bench.container(service), "running", "{when}");
        }
    }
}

/// Whether this very call is the one that starts the service.
fn starts(calls: &[Call], at: usize, service: &str) -> bool {
    calls[at].argv.iter().any(|word| word == "start")
        && calls[at].argv.iter().any(|word| word == service)
}

/// Which of the calls is this step's.
fn place(lines: &[plan::Line], failure: Failure, calls: &[Call]) -> usize {
    let mut from = 0;

    for line in lines {
        if let plan::Line::Step { number, commands } = line {
            if *number == failure.step {
                let promise = &commands[failure.command];
                return from
                    + calls[from..].iter().position(|call| promise.is_kept_by(call)).unwrap();
            }
            from += commands.len();
        } else if let plan::Line::Finally { commands, .. } = line {
            from += commands.iter().map(Vec::<Promise>::len).sum::<usize>();
        }
    }

    panic!("no {failure:?}")
}

fn only_looks(call: &Call) -> bool {
    let has = |word: &str| call.argv.iter().any(|w| w == word);
    let asks = [
        "\\echo :VERSION_NUM",
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_class",
        "BEGIN;\nSET LOCAL search_path = pg_catalog, pg_temp;\nSELECT oid::bigint, (SELECT \
         count(*) FROM pg_catalog.pg_locks",
        "DO $admits$ BEGIN",
        "SELECT coalesce(json_agg(k), '[]') FROM (",
        "\\set ON_ERROR_STOP off\nSELECT pg_catalog.set_config('dbtasks.extensions'",
    ];

    // a lock that is held while the hook's way is asked
    let meets =
        call.stdin.contains("pg_advisory_xact_lock") && call.stdin.ends_with("db-tasks holds\n");
    // one that keeps other runs away
    let alone = call.stdin.contains("application_name = 'db-tasks at work/")
        && call.stdin.ends_with(", 'nothing') END;\nCOMMIT;\n");

    has("inspect")
        || has("ps")
        || meets
        || alone
        || asks.iter().any(|question| call.stdin.starts_with(question))
}

/// The dry run with the folders' own names again: commands hold paths.
fn raw(bench: &Bench, text: &str) -> String {
    let temp = bench.dir.parent().unwrap();
    text.replace("[DIR]", "[TEMP]/shop").replace("[TEMP]", &temp.to_string_lossy())
}
