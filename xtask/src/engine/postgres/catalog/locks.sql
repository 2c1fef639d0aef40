-- How large the lock table is, and how many objects there are to lock.
jsonb_build_object(
    'each', current_setting('max_locks_per_transaction')::bigint,
    'backends', (SELECT sum(setting::bigint) + 1 FROM pg_settings
      WHERE name IN ('max_connections', 'max_prepared_transactions', 'autovacuum_max_workers',
        'max_worker_processes', 'max_wal_senders')),
    'objects', (SELECT count(*) FROM pg_class WHERE oid >= 16384)
      + (SELECT count(*) FROM pg_largeobject_metadata))
