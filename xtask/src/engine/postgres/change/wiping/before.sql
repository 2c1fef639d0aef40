-- Counts what is kept.
DO $before$
DECLARE
  t record;
  n bigint;
  found jsonb := '{}';
BEGIN
  FOR t IN SELECT value AS name
    FROM jsonb_array_elements_text(current_setting('dbtasks.kept')::jsonb) LOOP
    EXECUTE 'SELECT count(*) FROM ONLY ' || t.name INTO n;
    found := found || jsonb_build_object(t.name, n);
  END LOOP;
  PERFORM set_config('dbtasks.kept', found::text, true);
END $before$;
