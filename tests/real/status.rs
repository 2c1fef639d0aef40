//! `db-status` on a real server: rows that are counted, and tables of each kind.

use serde_json::Value;

use super::tiny_host;
use crate::support::cluster::cluster;
use crate::support::need;

#[test]
fn rows_are_counted_on_request() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    cluster.sql(
        &db.name,
        "SET ROLE app; CREATE TABLE log (id int) PARTITION BY RANGE (id);
         CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM (0) TO (100);
         INSERT INTO log SELECT generate_series(1, 70);
         CREATE MATERIALIZED VIEW \"Odd | name\" AS SELECT * FROM people;
         DELETE FROM orders WHERE id > 250;",
    );

    let said = project.ok("db-status --exact").out;
    assert!(said.contains("820 rows in 3 tables"), "{said}");

    let document: Value =
        serde_json::from_str(&project.ok("db-status --exact --json").out).unwrap();
    let tables = document["databases"][0]["tables"].as_array().unwrap();
    let of = |name: &str| tables.iter().find(|table| table["name"] == name).unwrap().clone();
    for (name, kind, rows) in [
        ("public.people", "table", Value::from(500)),
        ("public.orders", "table", Value::from(250)),
        ("public.log_1", "table", Value::from(70)),
        ("public.log", "partitioned table", Value::Null),
        ("public.\"Odd | name\"", "materialized view", Value::Null),
    ] {
        let found = of(name);
        assert_eq!((&found["kind"], &found["rows"]), (&Value::from(kind), &rows), "{name}");
        assert_eq!(found["owner"], "app");
    }

    cluster.sql(&db.name, "REVOKE ALL ON people FROM app; ALTER TABLE people OWNER TO postgres");
    let said = project.ok("db-status --exact").out;
    assert!(said.contains("not counted: "), "{said}");
    assert!(said.contains("permission denied for table people"), "{said}");
}
