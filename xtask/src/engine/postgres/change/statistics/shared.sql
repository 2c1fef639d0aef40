-- The tables to ANALYZE, half of them: what a query asks after FROM.
(
  SELECT nspname, relname, c.oid,
    row_number() OVER (ORDER BY pg_relation_size(c.oid) DESC, c.oid) AS nth
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND n.nspname !~ '^pg_(toast|temp)'
    AND c.oid NOT IN (SELECT oid FROM reaching)
    AND (NOT c.relispartition OR (SELECT i.inhparent FROM pg_inherits i WHERE i.inhrelid = c.oid)
      IN (SELECT oid FROM reaching))
) tables WHERE nth % 2 = {half}
