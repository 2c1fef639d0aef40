-- Everything that can have rights.
SELECT 'pg_class'::regclass AS classid, c.oid AS objid,
    CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char" AS kind,
    CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS word,
    format('%I.%I', n.nspname, c.relname) AS name, c.relowner AS owner, c.relacl AS acl
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND n.nspname !~ '^pg_temp'
UNION ALL SELECT 'pg_proc'::regclass, p.oid, 'f',
    CASE to_jsonb(p) ->> 'prokind' WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END,
    p.oid::regprocedure::text, p.proowner, p.proacl FROM pg_proc p
UNION ALL SELECT 'pg_type'::regclass, t.oid, 'T', 'TYPE', t.oid::regtype::text, t.typowner,
  t.typacl FROM pg_type t
UNION ALL SELECT 'pg_namespace'::regclass, n.oid, 'n', 'SCHEMA', quote_ident(n.nspname),
  n.nspowner, n.nspacl FROM pg_namespace n
UNION ALL SELECT 'pg_language'::regclass, l.oid, 'l', 'LANGUAGE', quote_ident(l.lanname),
  l.lanowner, l.lanacl FROM pg_language l
UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, w.oid, 'F', 'FOREIGN DATA WRAPPER',
  quote_ident(w.fdwname), w.fdwowner, w.fdwacl
  FROM pg_foreign_data_wrapper w
UNION ALL SELECT 'pg_foreign_server'::regclass, s.oid, 'S', 'FOREIGN SERVER',
  quote_ident(s.srvname), s.srvowner, s.srvacl
  FROM pg_foreign_server s
