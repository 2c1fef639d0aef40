-- What the database says about what belongs to it.
SET client_encoding = :'db_tasks_encoding';
SELECT jsonb_build_object(
  'has_tables', :'db_tasks_here'::boolean AND {has_tables},
  'has_objects', :'db_tasks_here'::boolean AND {has_objects},
  {tables}
  'extensions', CASE WHEN :'db_tasks_here'::boolean
    THEN (SELECT coalesce(jsonb_object_agg(extname, extversion), '{}') FROM pg_extension)
    ELSE '{}' END
)::text;
