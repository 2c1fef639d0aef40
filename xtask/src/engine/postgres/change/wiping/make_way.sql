-- Terminates the sessions that the wipe waits for, while the session that wipes is there.
DECLARE
  begun timestamptz := clock_timestamp();
  came bool := false;
  holders text;
BEGIN
  FOR i IN 1..1200 LOOP
    EXIT WHEN (SELECT relfilenode::bigint FROM pg_class WHERE oid = {oid}) IS DISTINCT FROM {file};
    PERFORM pg_stat_clear_snapshot();
    IF EXISTS (SELECT FROM pg_stat_activity WHERE application_name = {app}) THEN
      came := true;
    ELSE
      EXIT WHEN came OR clock_timestamp() - begun > '5 s';
    END IF;
    BEGIN
      PERFORM pg_terminate_backend(h.pid)
        FROM pg_stat_activity w, unnest(pg_blocking_pids(w.pid)) AS b(pid)
          JOIN pg_stat_activity h ON h.pid = b.pid AND h.backend_type = 'client backend'
        WHERE w.application_name = {app};
    EXCEPTION WHEN insufficient_privilege THEN NULL;
    END;
    PERFORM pg_sleep(0.01);
  END LOOP;
  PERFORM pg_stat_clear_snapshot();
  SELECT string_agg(format('%s of the role %s, pid %s, %s',
      coalesce(nullif(h.application_name, ''), h.backend_type), h.usename, h.pid, h.state), '; ')
    INTO holders
    FROM pg_stat_activity w, unnest(pg_blocking_pids(w.pid)) AS b(pid)
      JOIN pg_stat_activity h ON h.pid = b.pid
    WHERE w.application_name = {app};
  IF holders IS NOT NULL THEN
    RAISE EXCEPTION 'a lock is held, and % may not terminate its holder: %', current_user, holders;
  END IF;
END
