-- The statements that drop what a dump brings, in their order.
SELECT format('DROP %s IF EXISTS %s CASCADE',
  CASE o.type WHEN 'composite type' THEN 'type' WHEN 'statistics object' THEN 'statistics'
    WHEN 'foreign-data wrapper' THEN 'foreign data wrapper'
    WHEN 'aggregate' THEN CASE WHEN current_setting('server_version_num')::int < 110000
      THEN 'aggregate' ELSE 'routine' END ELSE o.type END,
  CASE WHEN o.type = 'transform' THEN replace(o.identity, ' on language ', ' language ')
    WHEN o.type = 'aggregate' AND current_setting('server_version_num')::int < 110000
      THEN replace(o.identity, '()', '(*)') ELSE o.identity END)
FROM (
  SELECT 'pg_event_trigger'::regclass AS classid, oid AS objid FROM pg_event_trigger
  UNION ALL SELECT 'pg_namespace'::regclass, oid FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')
  UNION ALL SELECT classid, objid FROM pg_depend
    WHERE refclassid = 'pg_namespace'::regclass AND refobjid = to_regnamespace('public')
      AND deptype = 'n' AND classid <> 'pg_extension'::regclass
  UNION ALL SELECT 'pg_publication'::regclass, oid FROM pg_publication
  UNION ALL SELECT 'pg_foreign_server'::regclass, oid FROM pg_foreign_server
  UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid FROM pg_foreign_data_wrapper
  UNION ALL SELECT 'pg_cast'::regclass, oid FROM pg_cast WHERE oid >= 16384
  UNION ALL SELECT 'pg_transform'::regclass, oid FROM pg_transform WHERE oid >= 16384
  UNION ALL SELECT 'pg_am'::regclass, oid FROM pg_am WHERE oid >= 16384
  UNION ALL SELECT 'pg_language'::regclass, oid FROM pg_language WHERE oid >= 16384
) c, pg_identify_object(c.classid, c.objid, 0) o
WHERE NOT EXISTS (SELECT FROM pg_depend d
  WHERE d.classid = c.classid AND d.objid = c.objid AND d.objsubid = 0 AND d.deptype IN ('e', 'i'))
