-- What this role may do, and whether a new role could log in as this session did.
DO $admits$ BEGIN
  PERFORM pg_catalog.set_config('dbtasks.admits', (SELECT auth_method IN ('trust', 'md5',
    'scram-sha-256', 'password')
    FROM pg_catalog.pg_hba_file_rules rule WHERE error IS NULL AND 'all' = ANY (database)
      AND 'all' = ANY (user_name)
      AND CASE WHEN pg_catalog.inet_client_addr() IS NULL THEN type = 'local'
        WHEN type <> 'host' AND type <> (SELECT CASE WHEN ssl THEN 'hostssl' ELSE 'hostnossl' END
          FROM pg_catalog.pg_stat_ssl WHERE pid = pg_catalog.pg_backend_pid()) THEN false
        WHEN address IN ('all', 'samehost', 'samenet') THEN true
        WHEN address !~ '^[0-9a-f.:]+$' THEN false
        WHEN pg_catalog.family(address::inet) <> pg_catalog.family(pg_catalog.inet_client_addr())
          THEN false
        ELSE (pg_catalog.inet_client_addr() & netmask::inet) = (address::inet & netmask::inet) END
    ORDER BY coalesce((pg_catalog.to_jsonb(rule) ->> 'rule_number')::int,
      line_number) LIMIT 1)::text, false);
EXCEPTION WHEN OTHERS THEN NULL;
END $admits$;
SELECT pg_catalog.jsonb_build_object('superuser', rolsuper, 'createrole', rolcreaterole,
  'admits', nullif(pg_catalog.current_setting('dbtasks.admits', true), '')::bool)
FROM pg_catalog.pg_roles WHERE rolname = current_user;
