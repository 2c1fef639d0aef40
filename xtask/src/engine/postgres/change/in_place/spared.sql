-- Drops PL/pgSQL, if nothing needs it.
SELECT NOT EXISTS (SELECT FROM pg_depend d JOIN pg_language l ON l.oid = d.refobjid
  WHERE d.refclassid = 'pg_language'::regclass AND l.lanname = 'plpgsql'
    AND d.deptype = 'n') AS db_tasks_spared \gset
\if :db_tasks_spared
DROP EXTENSION plpgsql;
\endif
