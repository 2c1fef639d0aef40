//! What a server warns of while a dump is loaded.

use super::hostile_dumps::as_superuser;
use super::loader::dump;
use super::{Said, tiny_host};
use crate::support::cluster::cluster;
use crate::support::need;

/// Of the document's steps, the warnings of the one that loads.
#[track_caller]
fn warnings(said: &Said) -> (u64, Vec<String>) {
    let document: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let steps = document["steps"].as_array().unwrap();
    let found = steps
        .iter()
        .find_map(|step| step.get("warnings"))
        .unwrap_or_else(|| panic!("no warnings: {}", said.out));

    let first = found["first"]
        .as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap().to_owned())
        .collect();
    (found["count"].as_u64().unwrap(), first)
}

#[test]
fn what_a_server_warns_of_in_a_load_is_shown() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    cluster.sql(
        &db.name,
        "SET ROLE app; CREATE FUNCTION fine(int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN \
         RAISE NOTICE 'only noted'; RAISE WARNING 'careful % s3cret', $1; RETURN true; END $$;
         CREATE TABLE checked (a int CHECK (fine(a))); SET client_min_messages = error; INSERT \
         INTO checked SELECT generate_series(1, 7)",
    );

    project.backup();

    for words in
        ["db-restore --latest --yes", "db-restore --latest --yes --in-place", "db-verify --deep"]
    {
        let said = project.ok(words);
        assert!(said.err.contains("the server warns: careful 1 ***\n"), "{words}: {}", said.err);
        assert!(said.err.contains("… and 2 more warnings"), "{words}: {}", said.err);

        assert!(
            !said.err.contains("only noted") && !said.err.contains("s3cret"),
            "{words}: {}",
            said.err
        );

        let (count, first) = warnings(&project.ok(&format!("{words} --json")));
        assert_eq!((count, first.len(), first[0].as_str()), (7, 5, "careful 1 ***"), "{words}");
    }
}

/// The words are the file's: whatever they hold, a terminal is told none of it, and a document all.
#[test]
fn no_warning_of_a_file_moves_the_cursor() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = as_superuser(cluster);
    let sql = "CREATE FUNCTION public.f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING \
               'a\u{1b}[2Jb'; RETURN 1; END $$;\nCREATE TABLE public.t (a int, b int DEFAULT \
               public.f());\nCOPY public.t (a) FROM stdin;\n1\n\\.\n";
    let beside = format!("{}_beside", db.name);
    let words = format!("db-restore --as {beside} --yes --file {}", dump(&project, sql).display());

    let said = project.ok(&words);
    assert!(
        said.err.contains(r"the server warns: a\x1b[2Jb") && !said.err.contains('\u{1b}'),
        "{}",
        said.err
    );

    cluster.drop_all(&beside);
    assert_eq!(
        warnings(&project.ok(&format!("{words} --json"))),
        (1, vec!["a\u{1b}[2Jb".to_owned()])
    );
    cluster.drop_all(&beside);
}
