//! Milvus Lite speaks the newest protocol: fields that may be null, defaults, sparse vectors,
//! several vectors.

use super::{backup, connect, names, restore, seen};
use crate::support::milvus::lite;
use crate::support::need;

#[test]
fn what_newer_servers_hold_there_and_back() {
    let db = need!("milvus-lite", lite()).the_database();
    db.python(
        r#"
s = c.create_schema(enable_dynamic_field=True)
s.add_field("id", DataType.VARCHAR, is_primary=True, max_length=50)
s.add_field("v", DataType.FLOAT_VECTOR, dim=8)
s.add_field("w", DataType.FLOAT_VECTOR, dim=3)
s.add_field("few", DataType.SPARSE_FLOAT_VECTOR)
s.add_field("maybe", DataType.INT64, nullable=True)
s.add_field("maybe_text", DataType.VARCHAR, max_length=50, nullable=True)
s.add_field("given", DataType.INT32, default_value=7)
c.create_collection("newer", schema=s)
for field in ("v", "w"):
    index("newer", field, "FLAT", "L2", field + "_index")
index("newer", "few", "SPARSE_INVERTED_INDEX", "IP", "few_index")
rows = []
for i in range(300):
    row = {"id": f"k{i}", "v": vector(8), "w": vector(3), "few": {i: 0.5, 2 * i + 1000: 0.25}}
    if i % 2: row["maybe"] = i
    if i % 3: row["maybe_text"] = "\u2603" * (i % 4)
    if i % 5: row["given"] = i
    rows.append(row)
c.insert("newer", rows)
c.load_collection("newer")
c.create_alias("newer", "newest")
simple("given", 30, auto_id=True)
"#,
    );

    let before = db.python("pictures()");
    let (file, census) = backup(&db);
    assert_eq!(census.changed, Vec::<String>::new());
    assert_eq!(
        census.collections.iter().map(|c| (c.name.as_str(), c.rows)).collect::<Vec<_>>(),
        [("given", 30), ("newer", 300)]
    );
    db.python("c.delete('newer', filter='id != \"\"')");

    let emptied = db.python("pictures()");
    assert_eq!(restore(&db, &file), census);
    assert_eq!(db.python("pictures()"), before);

    let mut milvus = connect(&db);
    milvus.undo(&seen(&milvus)).unwrap();
    assert_eq!(db.python("pictures()"), emptied);
    milvus.forget().unwrap();
    assert_eq!(names(&milvus), ["given", "newer"]);
}
