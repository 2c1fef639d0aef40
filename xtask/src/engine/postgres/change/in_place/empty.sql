-- Drops everything that a dump brings. The lists are made before the first DROP of each.
DO $empty$
DECLARE
  x text;
BEGIN
  FOREACH x IN ARRAY ARRAY({drops}) LOOP
    EXECUTE x;
  END LOOP;
  FOREACH x IN ARRAY ARRAY({subscriptions}) LOOP
    EXECUTE x;
  END LOOP;
  PERFORM lo_unlink(oid) FROM pg_largeobject_metadata;
END $empty$;
