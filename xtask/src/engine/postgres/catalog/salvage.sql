-- Every relation with rows of its own in a dump.
SELECT coalesce(jsonb_agg(jsonb_build_object(
    'oid', c.oid::int8, 'kind', c.relkind, 'schema', n.nspname, 'name', c.relname)
  ORDER BY n.nspname, c.relname), '[]')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'S') AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema';
