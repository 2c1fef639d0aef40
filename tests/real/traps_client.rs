//! Clients and servers of different versions.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::OnceLock;

use super::{Project, Said, family, same, tiny, tiny_host};
use crate::support::cluster::{Cluster, cluster};
use crate::support::component::postgres;
use crate::support::need;

fn with_programs(url: &str, programs: &Path) -> Project {
    let config = format!(
        "[databases.main]\nprograms = '{}'\npostgres = {{ url = \"${{DATABASE_URL}}\" }}\n",
        programs.display()
    );
    Project::new(&config).env("DATABASE_URL", url)
}

/// The one server of another version that these tests share.
fn seventeen() -> Result<&'static Cluster, String> {
    static CLUSTER: OnceLock<Result<Cluster, String>> = OnceLock::new();
    CLUSTER.get_or_init(|| Cluster::start(&postgres("17")?)).as_ref().map_err(Clone::clone)
}

#[test]
fn t11_a_psql_that_does_not_know_restrict_loads_without_those_lines() {
    let cluster = need!("postgresql", cluster());
    let old = need!("16.2", postgres("16.2"));
    let (db, project) = tiny_host(cluster);
    let file = project.dir.join(project.ok("db-backup --auto").out.trim());
    let before = cluster.fingerprint(&db.name);

    cluster.sql(&db.name, "DROP TABLE orders");
    let project = with_programs(&db.url, &old);
    project
        .ok(&format!("db-restore --yes --trust=role --file {}", file.display()))
        .ends_with(0, "only db-tasks' own check");
    same(&cluster.fingerprint(&db.name), &before);

    // the lines of its messages stay those of the file
    let plain =
        crate::support::component::output(std::process::Command::new("zstd").arg("-dc").arg(&file))
            .unwrap();
    let broken = plain.replacen("CREATE TABLE public.orders", "CREATE TABLE nowhere.orders", 1);
    let end = broken.find("nowhere.orders").map(|at| at + broken[at..].find(';').unwrap()).unwrap();
    let line = broken[..end].matches('\n').count() + 1;
    let file = project.write("broken.sql", &broken);

    project.fails(
        &format!("db-restore --yes --trust=role --file {}", file.display()),
        1,
        &format!("line {line} of the dump"),
    );
}

#[test]
fn t14_a_client_that_is_too_old_is_said_before_anything_and_a_fitting_one_is_picked() {
    let server = need!("17", seventeen());
    let old = need!("16", postgres("16"));
    let db = server.database();

    tiny(server, &db.name);
    let project = with_programs(&db.url, &old);
    let said = project.fails("db-backup --auto", 1, "this pg_dump (16) can't read the server");

    assert!(said.err.contains("next: install a pg_dump of the server's version"), "{}", said.err);
    assert!(project.files().is_empty(), "{:?}", project.files());

    let project = with_programs(&db.url, &postgres("17").unwrap());
    let before = server.fingerprint(&db.name);
    project.backup();
    server.sql(&db.name, "DROP TABLE orders");
    project.ok("db-restore --latest --yes");

    same(&server.fingerprint(&db.name), &before);
}

#[test]
fn t14_the_folder_on_path_is_taken_when_the_distributions_are_too_old() {
    let server = need!("17", seventeen());
    let db = server.database();
    tiny(server, &db.name);

    // PATH's folder says nothing of its version by its name
    let home = Project::host(&db.url);
    let bin = home.home().join("newer");
    fs::create_dir(&bin).unwrap();

    for program in ["psql", "pg_dump", "pg_restore"] {
        symlink(postgres("17").unwrap().join(program), bin.join(program)).unwrap();
    }

    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut backup = home.command("db-backup --auto");
    Said::of(backup.env("PATH", path).output().unwrap()).ends_with(0, "");
}

/// Servers since 17 have locales of their own.
#[test]
fn t31_builtin_locales_are_kept() {
    let server = need!("17", seventeen());
    let programs = postgres("17").unwrap();
    super::traps_swap::keeps(
        server,
        |url| with_programs(url, &programs),
        "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'",
    );
}

#[test]
fn t15_a_newer_dump_is_refused_and_tried_only_when_told() {
    let newer = need!("17", seventeen());
    let older = need!("postgresql", cluster());
    if older
        .sql("postgres", "SELECT current_setting('server_version_num')::int / 10000")
        .parse::<u32>()
        .unwrap()
        >= 17
    {
        return crate::support::component::missing(
            "server before 17",
            "the machine's is as new as the dump",
        );
    }

    let (from, to) = (newer.database(), older.database());
    tiny(newer, &from.name);
    tiny(older, &to.name);

    let source = with_programs(&from.url, &postgres("17").unwrap());
    let file = source.backup();
    let project = Project::host(&to.url);

    older.sql(&to.name, "DROP TABLE orders");
    let before = older.fingerprint(&to.name);
    let restore = format!("db-restore --yes --any-database --file {}", file.display());

    project.fails(&restore, 3, "17");
    same(&older.fingerprint(&to.name), &before);
    assert_eq!(family(older, &to.name), std::slice::from_ref(&to.name));
    // there is nothing in it that an older server could not take, but for a setting
    project.ok(&format!("{restore} --any-version")).ends_with(0, "`SET transaction_timeout`");
    assert_eq!(older.fingerprint(&to.name).rows, newer.fingerprint(&from.name).rows);
}

#[test]
fn t15_what_a_newer_pg_dump_reads_its_own_server_takes_back() {
    let newer = need!("17", postgres("17"));
    let cluster = need!("postgresql", cluster());
    let (db, _) = tiny_host(cluster);
    let project = with_programs(&db.url, &newer);
    let before = cluster.fingerprint(&db.name);

    project.backup();
    cluster.sql(&db.name, "DROP TABLE orders");
    project.ok("db-verify --latest --deep");
    project.ok("db-restore --latest --yes");
    same(&cluster.fingerprint(&db.name), &before);
}

#[test]
fn t15_an_archive_of_a_newer_version_is_told_by_its_head() {
    let newer = need!("17", seventeen());
    let (old, new) = (need!("16", postgres("16")), postgres("17").unwrap());
    let cluster = need!("postgresql", cluster());
    let from = newer.database();

    tiny(newer, &from.name);
    let (db, project) = tiny_host(cluster);
    let archive = |name: &str, url: &str| {
        let file = project.dir.join(name);
        let mut dump = std::process::Command::new(new.join("pg_dump"));
        crate::support::component::output(dump.args(["-Fc", "-d", url, "-f"]).arg(&file)).unwrap();
        file
    };

    let (theirs, ours) = (archive("newer.dump", &from.url), archive("ours.dump", &db.url));
    let restore = |file: &Path| format!("db-restore --yes --trust=role --file {}", file.display());
    let before = cluster.fingerprint(&db.name);

    with_programs(&db.url, &old).fails(
        &restore(&ours),
        1,
        "was written by a newer pg_dump than the `pg_restore` on this machine",
    );

    let project = with_programs(&db.url, &new);
    project.fails(&restore(&theirs), 3, "it is from PostgreSQL 17");
    cluster.sql(&db.name, "DROP TABLE orders");
    project.ok(&restore(&ours));
    same(&cluster.fingerprint(&db.name), &before);
}

/// What is left out must not carry along what stands before it.
#[test]
fn t13_an_old_psql_gets_no_meta_command_either() {
    let cluster = need!("postgresql", cluster());
    let old = need!("16.2", postgres("16.2"));
    let (db, project) = tiny_host(cluster);
    let file = project.dir.join(project.ok("db-backup --auto --compress none").out.trim());
    let text = fs::read_to_string(&file).unwrap();

    let touched = project.dir.join("touched");
    let foreign = project.write("foreign.sql", format!("\\! touch {}\n{text}", touched.display()));
    let before = cluster.fingerprint(&db.name);

    for project in [&project, &with_programs(&db.url, &old)] {
        project.fails(
            &format!("db-restore --yes --trust=role --file {}", foreign.display()),
            1,
            "psql would run that line",
        );
        assert!(!touched.exists());
    }

    same(&cluster.fingerprint(&db.name), &before);
}
