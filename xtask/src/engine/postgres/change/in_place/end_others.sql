-- Terminates the sessions of others on a database, as far as this role may.
DECLARE
  p int;
BEGIN
  FOR p IN SELECT pid FROM pg_stat_activity
      WHERE datname = {name} AND pid <> pg_backend_pid() AND backend_type = 'client backend' LOOP
    BEGIN
      PERFORM pg_terminate_backend(p);
    EXCEPTION WHEN insufficient_privilege THEN NULL;
    END;
  END LOOP;
END
