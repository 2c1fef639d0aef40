//! Milvus: backups and restores on a real server, written to and read by its own client.

mod changes;
mod format;
mod lite;
mod set;
mod swap;

use db_tasks::engine::milvus::{Address, AutoIds, Census, Milvus, Seen, Wipe, scan};
use db_tasks::problem::{Exit, Problem};

use crate::support::milvus::{Database, server};
use crate::support::need;

fn quiet(_: u64, _: u64) {}

fn connect(db: &Database) -> Milvus {
    Milvus::connect(&Address { url: db.url().into(), database: db.name.clone(), token: None })
        .unwrap()
}

fn backup(db: &Database) -> (Vec<u8>, Census) {
    let mut file = Vec::new();
    let census = connect(db).dump(&mut file, &mut quiet).unwrap();
    (file, census)
}

/// What a plan would have shown of the live collections.
fn seen(milvus: &Milvus) -> Vec<Seen> {
    let live = milvus.survey().unwrap().into_iter().filter(|collection| collection.mark.is_none());
    live.map(|collection| (collection.name, collection.id)).collect()
}

fn names(milvus: &Milvus) -> Vec<String> {
    milvus.survey().unwrap().into_iter().map(|collection| collection.name).collect()
}

fn restore(db: &Database, file: &[u8]) -> Census {
    let mut milvus = connect(db);
    let census = milvus.stage(&mut &*file, AutoIds::Keep, &mut quiet).unwrap();
    let seen = seen(&milvus);
    milvus.swap(&seen).unwrap();
    census
}

fn problem(error: &anyhow::Error) -> &Problem {
    error.downcast_ref().unwrap_or_else(|| panic!("{error:#}"))
}

#[test]
fn everything_that_a_server_holds_there_and_back() {
    let db = need!("milvus", server()).database();
    db.python("seed()");

    let load = |milvus: &Milvus| {
        milvus.survey().unwrap().into_iter().map(|c| (c.id, c.load)).collect::<Vec<_>>()
    };
    let (before, near) = (db.python("pictures()"), db.python(r#"near("partly", "v", 4)"#));
    let was_loaded = load(&connect(&db));
    let mut told = (0, 0);
    let mut file = Vec::new();

    let census = connect(&db).dump(&mut file, &mut |rows, bytes| told = (rows, bytes)).unwrap();
    assert_eq!(census.changed, Vec::<String>::new());
    assert_eq!(scan(&mut &file[..]).unwrap(), census);

    let rows: Vec<_> = census
        .collections
        .iter()
        .map(|c| (c.name.as_str(), c.rows, c.fields, c.indexes, c.partitions))
        .collect();

    let wanted = [
        ("bare", 30, 2, 0, 1),
        ("codes", 500, 3, 1, 4),
        ("docs", 1200, 2, 1, 4),
        ("empty", 0, 2, 1, 1),
        ("everything", 2500, 18, 1, 1),
        ("partly", 50, 2, 1, 2),
    ];

    assert_eq!(rows, wanted);
    assert_eq!((told, census.rows()), ((4280, census.bytes()), 4280));

    assert_eq!(
        load(&connect(&db)),
        was_loaded,
        "reading leaves everything as it was, what is loaded too"
    );

    db.python(
        r#"
c.delete("everything", filter="id > 100")
c.drop_collection("empty")
simple("later", 3)
c.alter_alias("later", "current")
"#,
    );

    assert_eq!(restore(&db, &file), census);
    assert_eq!(db.python("pictures()"), before);
    assert_eq!(db.python(r#"near("partly", "v", 4)"#), near);

    let mut milvus = connect(&db);
    let kept = ["bare", "codes", "docs", "everything", "later", "partly"]
        .map(|name| format!("{name}__previous"));
    assert_eq!(milvus.forget().unwrap(), kept);
    assert_eq!(names(&milvus), wanted.map(|(name, ..)| name));
}

#[test]
fn a_backup_goes_into_another_database_and_leaves_the_first_alone() {
    let server = need!("milvus", server());
    let (from, to) = (server.database(), server.database());
    from.python(r#"simple("shop", 40, text=True, alias="front"); simple("same", 5, load=False, index=None)"#);
    to.python(r#"simple("same", 7, load=False, index=None)"#);

    let (before, other) = (from.python("pictures()"), to.python("pictures()"));
    let (file, census) = backup(&from);
    restore(&to, &file);
    assert_eq!(backup(&to).1, census, "what is kept for an undo is in no backup");
    assert_eq!(to.python("pictures()"), before);

    assert_eq!(from.python("pictures()"), before);
    let mut milvus = connect(&to);
    let seen = seen(&milvus);

    milvus.undo(&seen).unwrap();
    assert_eq!(to.python("pictures()"), other);

    let none = Address { url: to.url().into(), database: "nowhere".into(), token: None };
    let Err(error) = Milvus::connect(&none) else { panic!() };
    assert_eq!(problem(&error).tried, "Milvus has no database `nowhere`");
}

#[test]
fn a_database_without_collections_there_and_back() {
    let server = need!("milvus", server());
    let (empty, full) = (server.database(), server.database());
    let (file, census) = backup(&empty);

    assert_eq!((census.collections.len(), scan(&mut &file[..]).unwrap()), (0, census));
    full.python(r#"simple("shop", 4, alias="front", load=False)"#);

    let before = full.python("pictures()");
    restore(&full, &file);
    assert_eq!(full.python("pictures()"), "");

    let mut milvus = connect(&full);
    assert_eq!(names(&milvus), ["shop__previous"]);
    milvus.undo(&[]).unwrap();
    assert_eq!(full.python("pictures()"), before);
}

#[test]
fn keys_that_the_server_hands_out_are_kept_or_nothing_is_done() {
    let db = need!("milvus", server()).database();
    db.python(r#"simple("shop", 20, auto_id=True, load=False, alias="front")"#);

    let (file, census) = backup(&db);
    assert!(census.collections[0].auto_ids);

    let before = db.python("pictures()");
    let mut milvus = connect(&db);
    let error = milvus.stage(&mut &file[..], AutoIds::Keep, &mut quiet).unwrap_err();
    let said = problem(&error);

    assert_eq!(said.tried, "could not give `shop` the primary keys that it had");
    assert!(
        said.happened.iter().any(|line| line.contains("does not accept existing ones")),
        "{said}"
    );
    assert!(said.cure.as_ref().unwrap().contains("keys from the application"), "{said}");
    assert_eq!(names(&milvus), ["shop"]);

    let restored = milvus.stage(&mut &file[..], AutoIds::FromApplication, &mut quiet).unwrap();
    assert_eq!(restored, census, "the digest has the keys in it");

    let seen = seen(&milvus);
    milvus.swap(&seen).unwrap();

    let flag = r#"["id", 5, true, true"#;
    assert!(before.contains(flag));
    assert_eq!(db.python("pictures()"), before.replace(flag, r#"["id", 5, true, false"#));
}

#[test]
fn a_wipe_takes_the_rows_or_the_collections() {
    let db = need!("milvus", server()).database();
    db.python(
        r#"
simple("shop", 3000, alias="front")
simple("docs", 30, text=True, load=False, alias="papers")
simple("bare", 10, load=False, index=None)
"#,
    );

    let mut milvus = connect(&db);
    let others = vec![("shop".to_owned(), 1)];
    let error = milvus.wipe(Wipe::Empty, &others).unwrap_err();

    assert_eq!(problem(&error).exit, Exit::Refused);
    let (before, kept) = (db.python("pictures()"), seen(&milvus));
    assert!(before.contains("3000"));

    let gone: Vec<_> =
        milvus.wipe(Wipe::Empty, &kept).unwrap().into_iter().map(|w| (w.name, w.rows)).collect();
    assert_eq!(gone, [("bare".to_owned(), 10), ("docs".to_owned(), 30), ("shop".to_owned(), 3000)]);

    let empty = db.python("pictures()");
    assert_eq!(seen(&milvus), kept);

    let shapes = |pictures: &str| {
        let lines = pictures.lines().map(|line| {
            line.rsplit_once(", [\"_default\"").map_or(line, |(shape, _)| shape).to_owned()
        });
        lines.collect::<Vec<_>>()
    };

    assert_eq!(shapes(&empty), shapes(&before), "only rows are gone");
    assert_eq!(empty.matches(r#"["_default", 0, []]"#).count(), 2, "{empty}");
    assert_eq!(milvus.wipe(Wipe::Drop, &kept).unwrap().len(), 3);
    assert_eq!(names(&milvus), Vec::<String>::new());
}
