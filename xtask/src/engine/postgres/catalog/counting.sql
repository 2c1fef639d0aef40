-- How many rows half of the tables have: a query for each, which psql runs.
SELECT question FROM (
  SELECT format('SELECT %L, count(*) FROM ONLY %I.%I %s',
      format('%I.%I', n.nspname, c.relname), n.nspname, c.relname, m.condition) AS question,
    row_number() OVER (ORDER BY pg_relation_size(c.oid) DESC, c.oid) AS nth
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace {membership}
  WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND n.nspname !~ '^pg_(toast|temp)'
    AND {counted}
) tables WHERE nth % 2 = {half} \gexec
