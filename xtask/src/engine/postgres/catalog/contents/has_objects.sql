-- Whether the database has anything that initdb did not create.
(EXISTS (SELECT FROM pg_catalog.pg_class
    WHERE oid >= 16384 AND relnamespace >= 2200 AND relkind NOT IN ('t', 'i'))
  OR EXISTS (SELECT FROM pg_catalog.pg_type WHERE oid >= 16384 AND typnamespace >= 2200)
  OR EXISTS (SELECT FROM pg_catalog.pg_proc WHERE oid >= 16384 AND pronamespace >= 2200)
  OR EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata))
