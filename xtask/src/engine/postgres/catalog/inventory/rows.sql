-- How many rows every table has that this role may read.
SET row_security = off;
SELECT format('SELECT %L, count(*) FROM ONLY %I.%I', format('%I.%I', n.nspname, c.relname),
  n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND n.nspname !~ '^pg_(toast|temp)'
    AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
    AND :'db_tasks_here'::boolean
    AND NOT (c.relpersistence = 'u' AND pg_is_in_recovery())
  ORDER BY n.nspname, c.relname \gexec
