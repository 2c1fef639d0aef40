-- Terminates sessions on the databases that change names while the lock of the change is held or awaited.
DECLARE
  begun timestamptz := clock_timestamp();
  s record;
  came bool := false;
BEGIN
  FOR i IN 1..5000 LOOP
    EXIT WHEN {done};
    PERFORM pg_stat_clear_snapshot();
    IF NOT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.objid
        WHERE l.locktype = 'object' AND l.classid = 'pg_database'::regclass
          AND l.mode IN ('AccessExclusiveLock', 'ShareLock') AND d.datname IN ({names})) THEN
      EXIT WHEN came OR clock_timestamp() - begun > '5 s';
      PERFORM pg_sleep(0.01);
      CONTINUE;
    END IF;
    came := true;
    FOR s IN SELECT pid, usename, application_name FROM pg_stat_activity
        WHERE datname IN ({names}) AND usesysid IS NOT NULL
          AND pid <> pg_backend_pid() AND application_name <> {app} LOOP
      BEGIN
        PERFORM pg_terminate_backend(s.pid);
      EXCEPTION WHEN insufficient_privilege THEN
        RAISE EXCEPTION '% may not terminate a session that blocks the change: % of the role %, pid %',
          current_user, s.application_name, s.usename, s.pid;
      END;
    END LOOP;
    PERFORM pg_sleep(0.002);
  END LOOP;
END
