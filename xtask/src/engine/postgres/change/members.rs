//! Rows of extensions' tables that a dump brings.

/// Removes the rows of extensions' tables that a dump brings: the extensions stay, and their rows
/// would conflict with those of the dump. They may refer to each other: rows that can't be deleted
/// yet are tried again after others.
pub(super) const EMPTY: &str = "DO $configured$
DECLARE
  t record;
  found boolean;
  gone boolean := true;
  waits text;
BEGIN
  WHILE gone LOOP
    gone := false;
    waits := NULL;
    FOR t IN SELECT format('ONLY %I.%I %s', n.nspname, c.relname, u.condition) AS rows
      FROM pg_extension e, unnest(e.extconfig, e.extcondition) AS u(oid, condition)
        JOIN pg_class c ON c.oid = u.oid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind = 'r' ORDER BY c.oid DESC LOOP
      EXECUTE format('SELECT EXISTS (SELECT FROM %s)', t.rows) INTO found;
      CONTINUE WHEN NOT found;
      BEGIN
        EXECUTE 'DELETE FROM ' || t.rows;
        gone := true;
      EXCEPTION WHEN foreign_key_violation THEN
        waits := SQLERRM;
      END;
    END LOOP;
  END LOOP;
  IF waits IS NOT NULL THEN
    RAISE EXCEPTION 'the rows of an extension can''t be replaced by those of the dump: %', waits;
  END IF;
END $configured$;
";

/// The jobs of pg_cron are restored inactive: what ran elsewhere, or at another time, must not
/// start by itself. psql prints nothing.
pub(super) const PAUSE: &str = "DO $pause$
BEGIN
  IF to_regclass('cron.job') IS NOT NULL AND EXISTS (SELECT FROM pg_extension WHERE extname = \
                                'pg_cron') THEN
    UPDATE cron.job SET active = false WHERE active;
  END IF;
END $pause$;
";
