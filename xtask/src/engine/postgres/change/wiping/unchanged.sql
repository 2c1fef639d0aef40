-- Fails if a table has other rows than were counted.
DO $unchanged$
DECLARE
  t record;
  n bigint;
BEGIN
  FOR t IN SELECT key AS name, value::bigint AS rows
    FROM jsonb_each_text(current_setting('dbtasks.emptied')::jsonb) LOOP
    EXECUTE 'SELECT count(*) FROM ONLY ' || t.name INTO n;
    IF n <> t.rows THEN
      RAISE EXCEPTION '% had % row(s) when they were counted and has % now: somebody writes to it',
        t.name, t.rows, n;
    END IF;
  END LOOP;
END $unchanged$;
