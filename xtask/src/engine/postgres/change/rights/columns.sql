-- The columns of everything that has some.
SELECT 'pg_class'::regclass AS classid, c.oid AS objid, a.attnum AS subid,
    format('(%I)', a.attname) AS part, 'TABLE' AS word,
    format('%I.%I', n.nspname, c.relname) AS name, c.relowner AS owner, a.attacl AS acl
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname !~ '^pg_temp'
