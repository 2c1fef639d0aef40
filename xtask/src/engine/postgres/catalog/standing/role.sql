-- What this role may do, and what a dump of the live database would need.
\set ON_ERROR_STOP off
SELECT pg_catalog.set_config('dbtasks.extensions', (
    SELECT coalesce(jsonb_object_agg(v.name, NOT v.superuser
      OR coalesce((to_jsonb(v) ->> 'trusted')::bool, false)), '{}')::text
    FROM pg_catalog.pg_available_extension_versions v
      JOIN pg_catalog.pg_available_extensions a ON a.name = v.name
      AND a.default_version = v.version), false) AS db_tasks_extensions \gset
\set ON_ERROR_STOP on
WITH objects AS ({objects}), rights AS ({rights})
SELECT jsonb_build_object(
  'role', rolname, 'superuser', rolsuper,
  'provider', coalesce(
    (SELECT min(r.rolname) FROM pg_roles r
      WHERE r.rolname IN ('rds_superuser', 'cloudsqlsuperuser', 'alloydbsuperuser',
        'azure_pg_admin', 'neon_superuser', 'tsdbadmin')
      AND pg_has_role(r.oid, 'MEMBER')),
    (SELECT 'supautils'
      WHERE nullif(current_setting('supautils.privileged_extensions', true), '') IS NOT NULL)),
  'roles', (SELECT jsonb_object_agg(r.rolname, pg_has_role(r.oid, CASE
      WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END))
    FROM pg_roles r),
  'superusers', (SELECT coalesce(jsonb_agg(r.rolname), '[]') FROM pg_roles r WHERE r.rolsuper),
  'extensions', nullif(current_setting('dbtasks.extensions', true), '')::jsonb,
  'there', (SELECT coalesce(jsonb_object_agg(extname, pg_has_role(extowner, 'USAGE')), '{}')
    FROM pg_extension WHERE {here}),
  'others', (SELECT coalesce(jsonb_object_agg(pg_get_userbyid(owner), names), '{}') FROM (
      SELECT owner, (array_agg(name ORDER BY name))[1:5] AS names FROM objects
      WHERE {here} AND NOT pg_has_role(owner, 'USAGE')
        AND (locked OR NOT pg_has_role(container, 'USAGE')) GROUP BY owner) o),
  'live', jsonb_build_object(
    'owners', (SELECT coalesce(jsonb_object_agg(pg_get_userbyid(owner), n), '{}')
      FROM (SELECT owner, count(*) AS n FROM objects WHERE {here} GROUP BY owner) o),
    'grantees', (SELECT coalesce(jsonb_object_agg(pg_get_userbyid(grantee), n), '{}') FROM (
      SELECT grantee, count(*) AS n FROM rights WHERE {here} AND grantee <> 0 AND grantee <> owner
        GROUP BY grantee) g),
    'givers', (SELECT coalesce(jsonb_agg(DISTINCT pg_get_userbyid(defaclrole)), '[]')
      FROM pg_default_acl WHERE {here}),
    'bound', (SELECT coalesce(jsonb_agg(DISTINCT pg_get_userbyid(r)), '[]') FROM (
      SELECT unnest(polroles) AS r FROM pg_policy UNION ALL SELECT umuser FROM pg_user_mappings) b
      WHERE {here} AND r <> 0),
    'extensions', (SELECT coalesce(jsonb_agg(extname), '[]') FROM pg_extension
      WHERE {here} AND extname <> 'plpgsql'),
    'event_triggers', (SELECT count(*) FROM pg_event_trigger e
      WHERE {here} AND NOT EXISTS (SELECT FROM pg_depend d
        WHERE d.classid = 'pg_event_trigger'::regclass AND d.objid = e.oid AND d.deptype = 'e'))
  ))::text
FROM pg_roles WHERE rolname = current_user;
