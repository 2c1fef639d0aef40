-- Keeps autovacuum from tables of superusers whose ANALYZE would call the file's functions.
DECLARE
  found record;
BEGIN
  FOR found IN
    WITH RECURSIVE ranges AS (
      SELECT unnest(ARRAY[rngtypid, (to_jsonb(r) ->> 'rngmultitypid')::oid]) AS id FROM pg_range r
        WHERE rngsubdiff >= 16384
      UNION SELECT t.oid FROM pg_type t JOIN ranges ON t.typbasetype = ranges.id
    ), called AS (
      SELECT classid, objid FROM pg_depend d
        WHERE refobjid >= 16384 AND classid IN ('pg_class'::regclass, 'pg_statistic_ext'::regclass)
          AND (refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
            OR refclassid = 'pg_type'::regclass AND EXISTS (SELECT FROM pg_type WHERE oid = refobjid
              AND typtype = 'd'))
          AND NOT EXISTS (SELECT FROM pg_depend e
            WHERE (e.classid, e.objid) = (d.refclassid, d.refobjid) AND e.deptype = 'e')
    ), calls AS (
      SELECT indrelid AS id FROM pg_index
        JOIN called ON (classid, objid) = ('pg_class'::regclass, indexrelid)
        WHERE indexprs IS NOT NULL OR indpred IS NOT NULL
      UNION SELECT stxrelid FROM pg_statistic_ext s
        JOIN called ON (classid, objid) = ('pg_statistic_ext'::regclass, s.oid)
      UNION SELECT attrelid FROM pg_attribute JOIN ranges ON atttypid = ranges.id
    )
    SELECT c.oid::regclass AS name, CASE relkind WHEN 'm' THEN 'MATERIALIZED VIEW'
      ELSE 'TABLE' END AS kind
      FROM pg_class c JOIN calls ON calls.id = c.oid JOIN pg_roles r ON r.oid = relowner
      WHERE relkind IN ('r', 'm') AND rolsuper
  LOOP
    EXECUTE format('ALTER %s %s SET (autovacuum_enabled = off)', found.kind, found.name);
    EXECUTE format('ALTER %s %s RESET (autovacuum_freeze_max_age, autovacuum_multixact_freeze_max_age)', found.kind, found.name);
  END LOOP;
END
