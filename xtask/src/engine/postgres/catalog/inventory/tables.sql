-- Tables and views and how they depend on each other, as a part of the database's answer.
'inventory', CASE WHEN :'db_tasks_here'::boolean THEN jsonb_build_object(
    'tables', (SELECT coalesce(jsonb_agg(jsonb_build_object(
          'name', format('%I.%I', n.nspname, c.relname), 'schema', n.nspname, 'table', c.relname,
          'kind', c.relkind, 'owner', pg_get_userbyid(c.relowner), 'oid', c.oid::bigint,
          'file', c.relfilenode::bigint,
          'extension', (SELECT e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
              AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' LIMIT 1),
          'configured', EXISTS (SELECT FROM pg_extension e WHERE c.oid = ANY (e.extconfig)),
          'parents', (SELECT coalesce(
              jsonb_agg(format('%I.%I', pn.nspname, p.relname) ORDER BY i.inhseqno), '[]')
            FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent
              JOIN pg_namespace pn ON pn.oid = p.relnamespace WHERE i.inhrelid = c.oid),
          'lacks', CASE WHEN NOT (has_schema_privilege(n.oid, 'USAGE')
            AND has_table_privilege(c.oid, 'TRUNCATE') AND has_table_privilege(c.oid, 'SELECT'))
            THEN 'SELECT and TRUNCATE' ELSE (SELECT format('the sequence %I.%I', sn.nspname, s.relname)
              FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
                JOIN pg_namespace sn ON sn.oid = s.relnamespace
              WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
                AND d.refobjid = c.oid AND d.refobjsubid > 0
                AND d.deptype IN ('a', 'i') AND NOT pg_has_role(s.relowner, 'USAGE') LIMIT 1) END)
        ORDER BY n.nspname, c.relname), '[]')
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
        AND n.nspname !~ '^pg_(toast|temp)'),
    'references', (SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_array(
          format('%I.%I', an.nspname, a.relname), format('%I.%I', bn.nspname, b.relname))), '[]')
      FROM pg_constraint k JOIN pg_class a ON a.oid = k.conrelid
        JOIN pg_namespace an ON an.oid = a.relnamespace
        JOIN pg_class b ON b.oid = k.confrelid JOIN pg_namespace bn ON bn.oid = b.relnamespace
      WHERE k.contype = 'f' AND a.oid <> b.oid),
    'views', (SELECT coalesce(jsonb_agg(jsonb_build_object(
          'name', format('%I.%I', n.nspname, c.relname), 'owner', pg_get_userbyid(c.relowner),
          'populated', c.relispopulated, 'ours', pg_has_role(c.relowner, 'USAGE'))
        ORDER BY n.nspname, c.relname), '[]')
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind = 'm' AND n.nspname !~ '^pg_(toast|temp)'),
    'reads', (SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_array(
          format('%I.%I', an.nspname, a.relname), format('%I.%I', bn.nspname, b.relname))), '[]')
      FROM pg_rewrite w JOIN pg_class a ON a.oid = w.ev_class
        JOIN pg_namespace an ON an.oid = a.relnamespace
        JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
          AND d.refclassid = 'pg_class'::regclass
        JOIN pg_class b ON b.oid = d.refobjid JOIN pg_namespace bn ON bn.oid = b.relnamespace
      WHERE a.relkind IN ('v', 'm') AND b.relkind IN ('v', 'm') AND a.oid <> b.oid
        AND an.nspname NOT IN ('pg_catalog', 'information_schema')),
    'sequences', (SELECT coalesce(jsonb_agg(format('%I.%I', n.nspname, c.relname)
      ORDER BY n.nspname, c.relname), '[]')
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind = 'S' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
        AND n.nspname !~ '^pg_(toast|temp)'
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
          AND d.objid = c.oid AND d.deptype IN ('a', 'i', 'e'))),
    'large_objects', (SELECT count(*) FROM pg_largeobject_metadata),
    'lacks_plpgsql', NOT EXISTS (SELECT FROM pg_language WHERE lanname = 'plpgsql')
  ) ELSE '{}' END,
