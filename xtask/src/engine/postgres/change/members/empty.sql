-- Removes the rows of extensions' tables that a dump brings.
DO $configured$
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
