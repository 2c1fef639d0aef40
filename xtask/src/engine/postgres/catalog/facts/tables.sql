-- How large every table of the user is, as a part of the database's answer.
'tables', coalesce((SELECT jsonb_agg(jsonb_build_object(
      'name', format('%I.%I', n.nspname, c.relname), 'estimate', c.reltuples::bigint,
      'kind', c.relkind, 'owner', pg_get_userbyid(c.relowner),
      'bytes', pg_total_relation_size(c.oid)) ORDER BY pg_total_relation_size(c.oid) DESC, 1)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
      AND n.nspname !~ '^pg_(toast|temp)' AND :'db_tasks_here'::boolean
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
        AND d.objid = c.oid AND d.deptype = 'e')), '[]'),
