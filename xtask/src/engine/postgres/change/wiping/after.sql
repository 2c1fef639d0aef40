-- Fails if a row is left, or if a table that is kept has lost one.
DO $after$
DECLARE
  t record;
  n bigint;
BEGIN
  FOR t IN SELECT key AS name FROM jsonb_each_text(current_setting('dbtasks.emptied')::jsonb) LOOP
    EXECUTE 'SELECT count(*) FROM ONLY ' || t.name INTO n;
    IF n > 0 THEN
      RAISE EXCEPTION '% still has % row(s)', t.name, n;
    END IF;
  END LOOP;
  FOR t IN SELECT key AS name, value::bigint AS rows
    FROM jsonb_each_text(current_setting('dbtasks.kept')::jsonb) LOOP
    EXECUTE 'SELECT count(*) FROM ONLY ' || t.name INTO n;
    IF n < t.rows THEN
      RAISE EXCEPTION '% is kept, had % row(s) and would have %', t.name, t.rows, n;
    END IF;
  END LOOP;
END $after$;
