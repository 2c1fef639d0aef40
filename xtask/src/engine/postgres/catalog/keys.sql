-- The primary key of every table that a dump has rows of.
SELECT coalesce(json_agg(k), '[]') FROM (
    SELECT format('%I.%I', n.nspname, c.relname) AS "table",
      coalesce((SELECT format('%I.%I', rn.nspname, r.relname)
        FROM pg_class r JOIN pg_namespace rn ON rn.oid = r.relnamespace
        WHERE c.relispartition AND r.oid = pg_partition_root(c.oid)),
        format('%I.%I', n.nspname, c.relname)) AS root,
      coalesce((SELECT json_agg(json_build_object('name', a.attname,
          'whole', a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype))
          ORDER BY key.place)
        FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY AS key(number, place)
          JOIN pg_attribute a ON a.attnum = key.number
        WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid
          AND key.place <= i.indnkeyatts), '[]') AS columns
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
  ) k;
