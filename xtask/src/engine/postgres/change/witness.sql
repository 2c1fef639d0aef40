-- A value that changes with the schema of the database and with its rows.
pg_catalog.md5(pg_catalog.concat_ws('|',
  (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(' ', c.oid, n.nspname, c.relname, c.relkind,
    c.relfilenode, c.relowner, c.relacl), ',' ORDER BY c.oid)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'),
  (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(' ', a.attrelid, a.attnum, a.attname,
    a.atttypid, a.atttypmod, a.attnotnull, a.attisdropped), ',' ORDER BY a.attrelid, a.attnum)
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND a.attnum > 0),
  (SELECT pg_catalog.string_agg(p.oid::text || pg_catalog.md5(p.prosrc), ',' ORDER BY p.oid)
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'),
  (SELECT pg_catalog.string_agg(t.oid::text, ',' ORDER BY t.oid) FROM pg_catalog.pg_constraint t),
  (SELECT pg_catalog.string_agg(t.oid::text, ',' ORDER BY t.oid) FROM pg_catalog.pg_type t),
  (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(' ', s.relid, s.n_tup_ins, s.n_tup_upd,
    s.n_tup_del), ',' ORDER BY s.relid)
    FROM pg_catalog.pg_stat_user_tables s WHERE s.schemaname !~ '^pg_')))
