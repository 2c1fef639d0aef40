-- Everything with an owner, but what belongs to an extension or to the system.
SELECT o.owner, o.name, o.locked, n.nspowner AS container, o.acl FROM (
    SELECT 'pg_class'::regclass AS class, oid, relnamespace AS namespace, relowner AS owner,
      relname::text AS name, relkind IN ('r', 'p') AS locked, relacl AS acl
      FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL SELECT 'pg_proc'::regclass, oid, pronamespace, proowner, proname::text, false,
      proacl FROM pg_proc
    UNION ALL SELECT 'pg_type'::regclass, oid, typnamespace, typowner, typname::text, false,
      typacl FROM pg_type WHERE typtype IN ('d', 'e', 'r')
  ) o JOIN pg_namespace n ON n.oid = o.namespace
  WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = o.class AND d.objid = o.oid
      AND d.deptype = 'e')
UNION ALL SELECT n.nspowner, n.nspname::text, n.nspname <> 'public', n.nspowner, n.nspacl
  FROM pg_namespace n
  WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'public')
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_namespace'::regclass
      AND d.objid = n.oid AND d.deptype = 'e')
UNION ALL SELECT lomowner, 'large object ' || oid, true, lomowner, lomacl
  FROM pg_largeobject_metadata
