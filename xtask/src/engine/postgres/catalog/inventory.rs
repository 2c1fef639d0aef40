//! What a database holds, and how its tables depend on each other: what a wipe must know before it
//! changes one.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Tables, references, views and what is related to them. Names are quoted if SQL needs it:
/// `public.orders`, `shop."Odd.Name"`.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Inventory {
    /// Tables outside the system's schemas, those of extensions and foreign ones too.
    #[serde(default)]
    pub tables: Vec<Table>,
    /// Foreign keys: which table refers to which.
    #[serde(default)]
    pub references: Vec<(String, String)>,
    /// Materialised views.
    #[serde(default)]
    pub views: Vec<View>,
    /// Views of both kinds, and the views of both kinds that they read.
    #[serde(default)]
    pub reads: Vec<(String, String)>,
    /// Sequences that belong to no column.
    #[serde(default)]
    pub sequences: Vec<String>,
    /// Large objects.
    #[serde(default)]
    pub large_objects: u64,
    /// The database has no PL/pgSQL, which our blocks need: somebody dropped it.
    #[serde(default)]
    pub lacks_plpgsql: bool,
}

/// A table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Table {
    /// Its name with its schema, quoted if SQL needs it.
    pub name: String,
    /// Its schema, as it is.
    pub schema: String,
    /// Its own name, as it is.
    pub table: String,
    /// How it holds rows.
    pub kind: Kind,
    /// Its owner.
    pub owner: String,
    /// Its oid.
    pub oid: u32,
    /// The number of its file, which changes when it is emptied.
    #[serde(default)]
    pub file: u32,
    /// The extension that it belongs to.
    #[serde(default)]
    pub extension: Option<String>,
    /// Whether a dump has rows for it although it belongs to an extension.
    #[serde(default)]
    pub configured: bool,
    /// Tables that it is a partition or a child of.
    #[serde(default)]
    pub parents: Vec<String>,
    /// What our role lacks to empty it: `TRUNCATE`, or ownership of a sequence.
    #[serde(default)]
    pub lacks: Option<String>,
    /// Its own rows; `None` if it has none of its own, or if they can't be counted.
    #[serde(skip)]
    pub rows: Option<u64>,
}

/// How a table holds rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum Kind {
    /// By itself.
    #[default]
    #[serde(rename = "r")]
    Plain,
    /// In its partitions.
    #[serde(rename = "p")]
    Partitioned,
    /// On another server.
    #[serde(rename = "f")]
    Foreign,
}

/// A materialised view.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct View {
    /// Its name with its schema, quoted if SQL needs it.
    pub name: String,
    /// Its owner.
    pub owner: String,
    /// Whether it can be read: a refresh fills it.
    pub populated: bool,
    /// Whether our role may refresh it.
    pub ours: bool,
}

impl Inventory {
    /// Adds the counts.
    pub fn count(&mut self, counts: Vec<(String, u64)>) {
        let counts: BTreeMap<String, u64> = counts.into_iter().collect();
        for table in &mut self.tables {
            table.rows = counts.get(&table.name).copied();
        }
    }
}

/// Part of the question for all facts. It asks for the rights that TRUNCATE and RESTART IDENTITY
/// need: the right of that name on the table, and ownership of every sequence of its columns.
pub const QUESTION: &str = r"'inventory', CASE WHEN :'db_tasks_here'::boolean THEN jsonb_build_object(
    'tables', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', format('%I.%I', n.nspname, c.relname), 'schema', n.nspname, 'table', c.relname,
          'kind', c.relkind, 'owner', pg_get_userbyid(c.relowner), 'oid', c.oid::bigint, 'file', c.relfilenode::bigint,
          'extension', (SELECT e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' LIMIT 1),
          'configured', EXISTS (SELECT FROM pg_extension e WHERE c.oid = ANY (e.extconfig)),
          'parents', (SELECT coalesce(jsonb_agg(format('%I.%I', pn.nspname, p.relname) ORDER BY i.inhseqno), '[]')
            FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace pn ON pn.oid = p.relnamespace WHERE i.inhrelid = c.oid),
          'lacks', CASE WHEN NOT (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'TRUNCATE') AND has_table_privilege(c.oid, 'SELECT'))
            THEN 'SELECT and TRUNCATE' ELSE (SELECT format('the sequence %I.%I', sn.nspname, s.relname)
              FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_namespace sn ON sn.oid = s.relnamespace
              WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.refobjsubid > 0
                AND d.deptype IN ('a', 'i') AND NOT pg_has_role(s.relowner, 'USAGE') LIMIT 1) END)
        ORDER BY n.nspname, c.relname), '[]')
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'),
    'references', (SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_array(format('%I.%I', an.nspname, a.relname), format('%I.%I', bn.nspname, b.relname))), '[]')
      FROM pg_constraint k JOIN pg_class a ON a.oid = k.conrelid JOIN pg_namespace an ON an.oid = a.relnamespace
        JOIN pg_class b ON b.oid = k.confrelid JOIN pg_namespace bn ON bn.oid = b.relnamespace
      WHERE k.contype = 'f' AND a.oid <> b.oid),
    'views', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', format('%I.%I', n.nspname, c.relname), 'owner', pg_get_userbyid(c.relowner),
          'populated', c.relispopulated, 'ours', pg_has_role(c.relowner, 'USAGE')) ORDER BY n.nspname, c.relname), '[]')
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'm' AND n.nspname !~ '^pg_(toast|temp)'),
    'reads', (SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_array(format('%I.%I', an.nspname, a.relname), format('%I.%I', bn.nspname, b.relname))), '[]')
      FROM pg_rewrite w JOIN pg_class a ON a.oid = w.ev_class JOIN pg_namespace an ON an.oid = a.relnamespace
        JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
        JOIN pg_class b ON b.oid = d.refobjid JOIN pg_namespace bn ON bn.oid = b.relnamespace
      WHERE a.relkind IN ('v', 'm') AND b.relkind IN ('v', 'm') AND a.oid <> b.oid AND an.nspname NOT IN ('pg_catalog', 'information_schema')),
    'sequences', (SELECT coalesce(jsonb_agg(format('%I.%I', n.nspname, c.relname) ORDER BY n.nspname, c.relname), '[]')
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind = 'S' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i', 'e'))),
    'large_objects', (SELECT count(*) FROM pg_largeobject_metadata),
    'lacks_plpgsql', NOT EXISTS (SELECT FROM pg_language WHERE lanname = 'plpgsql')
  ) ELSE '{}' END,";

/// Counts the rows of every table that we may read; one that hides rows from us (row-level
/// security) is an error, not a smaller count.
pub const ROWS: &str = r"SET row_security = off;
SELECT format('SELECT %L, count(*) FROM ONLY %I.%I', format('%I.%I', n.nspname, c.relname), n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
    AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AND :'db_tasks_here'::boolean
    AND NOT (c.relpersistence = 'u' AND pg_is_in_recovery())
  ORDER BY n.nspname, c.relname \gexec
";
