//! Whether a database holds anything.

/// Whether the database has a user table, not counting those of extensions.
pub const HAS_TABLES: &str = "EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = \
     c.relnamespace WHERE c.relkind IN ('r', 'p', 'f', 'm') AND n.nspname !~ '^pg_' AND n.nspname \
     <> 'information_schema' AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = \
     'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'))";

/// Whether the database has anything that initdb did not create (FirstNormalObjectId,
/// access/transam.h), an extension's included: a relation, a type, a function, a large object.
pub const HAS_OBJECTS: &str = "(EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid >= 16384 AND relnamespace >= 2200 AND \
     relkind NOT IN ('t', 'i')) OR EXISTS (SELECT FROM pg_catalog.pg_type WHERE oid >= 16384 AND \
     typnamespace >= 2200) OR EXISTS (SELECT FROM pg_catalog.pg_proc WHERE oid >= 16384 AND \
     pronamespace >= 2200) OR EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata))";
