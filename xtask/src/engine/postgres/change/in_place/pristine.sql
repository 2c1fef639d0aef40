-- Fails if there is something that emptying the database would drop.
DO $pristine$
DECLARE
  x text;
BEGIN
  FOREACH x IN ARRAY ARRAY({drops}) LOOP
    RAISE EXCEPTION 'there is something in it already, which `%` would take away', x;
  END LOOP;
END $pristine$;
