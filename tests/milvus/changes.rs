//! What changes while it is read.

use super::{connect, quiet};
use crate::support::milvus::server;
use crate::support::need;

#[test]
fn what_changes_while_it_is_read_is_told() {
    let db = need!("milvus", server()).database();
    db.python(
        r#"
for name in ("again", "aliased", "less", "more", "quiet", "swapped"):
    simple(name, 20, load=False)
for name in ("again", "aliased", "less", "more", "quiet", "swapped"):
    c.load_collection(name)
"#,
    );

    let mut milvus = connect(&db);
    let whole = milvus.dump(&mut std::io::sink(), &mut quiet).unwrap();
    assert_eq!(whole.changed, Vec::<String>::new());

    let mut pages = Vec::new();
    let mut meddle = |rows, _| {
        pages.push(rows);
        let said = match pages.len() {
            1 => "c.drop_collection('again'); simple('again', 20, load=False)",
            2 => "c.create_alias('aliased', 'other')",
            3 => "c.delete('less', filter='id in [3]')",
            4 => "c.insert('more', [{'id': -1, 'v': [1, 2, 3, 4]}])",
            6 => {
                "c.delete('swapped', filter='id in [3]'); c.insert('swapped', [{'id': -1, 'v': [1, \
                 2, 3, 4]}])"
            }
            _ => return,
        };

        db.python(said);
    };

    // `again` is dropped while it is the one that is read: that ends the backup
    let error = milvus.dump(&mut std::io::sink(), &mut meddle).unwrap_err();
    assert!(error.to_string().starts_with("could not read `again`"), "{error:#}");
    db.python("c.load_collection('again')");

    let mut first = true;
    let mut later = |rows, bytes| {
        if !std::mem::take(&mut first) {
            meddle(rows, bytes);
        }
    };

    let census = milvus.dump(&mut std::io::sink(), &mut later).unwrap();
    assert_eq!(
        census.changed,
        [
            "the schema, the indexes or the aliases of `aliased` changed while it was read",
            "`less` had 20 rows at the beginning and 19 at the end",
            "`more` had 20 rows at the beginning and 21 at the end",
            "rows of `swapped` were added and removed while it was read",
        ]
    );

    assert_eq!(census.collections.len(), 6);
}

#[test]
fn one_of_the_rows_that_share_a_key_is_read_and_told() {
    let db = need!("milvus", server()).database();
    db.python(
        r#"
simple("shop", 10, load=False)
c.insert("shop", [{"id": i % 5, "v": [9, 9, 9, i]} for i in range(10)])
c.load_collection("shop")
"#,
    );

    let census = connect(&db).dump(&mut std::io::sink(), &mut quiet).unwrap();
    assert_eq!(census.rows(), 10);

    assert_eq!(
        census.changed,
        ["`shop` has 20 rows, but 10 were read: rows with the same primary key are read once, or \
          it was written to"]
    );
}
