-- Makes the jobs of pg_cron inactive.
DO $pause$
BEGIN
  IF to_regclass('cron.job') IS NOT NULL
    AND EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN
    UPDATE cron.job SET active = false WHERE active;
  END IF;
END $pause$;
