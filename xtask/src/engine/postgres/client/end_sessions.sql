-- Terminates a run's sessions, and waits until there has been none for a while.
DECLARE
  quiet int := 0;
BEGIN
  FOR i IN 1..200 LOOP
    PERFORM pg_stat_clear_snapshot();
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE starts_with(application_name, {run}) AND pid <> pg_backend_pid();
    quiet := CASE WHEN FOUND THEN 0 ELSE quiet + 1 END;
    EXIT WHEN quiet >= 20;
    PERFORM pg_sleep(0.02);
  END LOOP;
END
