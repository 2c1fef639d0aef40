-- What a server says about itself, about the database {name}, and about those named after it.
SET client_encoding = SQL_ASCII;
SELECT current_database() = {name} AS db_tasks_here,
  CASE WHEN getdatabaseencoding() IN ('SQL_ASCII', 'MULE_INTERNAL') THEN 'SQL_ASCII'
    ELSE 'UTF8' END AS db_tasks_encoding \gset
SELECT jsonb_build_object(
  'version', current_setting('server_version_num')::int,
  'version_text', current_setting('server_version'),
  'role', (SELECT jsonb_build_object(
    'name', rolname, 'superuser', rolsuper, 'createdb', rolcreatedb OR rolsuper,
    'connection_limit', CASE WHEN rolsuper THEN -1 ELSE rolconnlimit END,
    'sessions', (SELECT count(*) FROM pg_stat_activity WHERE usename = current_user
      AND application_name !~ '^db-tasks'))
    FROM pg_roles WHERE rolname = current_user),
  'deaf', (SELECT setting = '' AND source = 'command line' FROM pg_settings
    WHERE name = 'listen_addresses'),
  'data_directory', (SELECT setting FROM pg_settings WHERE name = 'data_directory'),
  'answerer', {answerer},
  'locks', {locks}, 'shape', {shape},
  'listens_on', current_setting('listen_addresses'),
  'prepared', (SELECT count(*) FROM pg_prepared_xacts WHERE database = {name}),
  'roles', (SELECT jsonb_agg(rolname) FROM pg_roles WHERE rolname !~ '^pg_'),
  'own_roles', (SELECT jsonb_agg(rolname) FROM pg_roles
    WHERE pg_has_role(oid, CASE
      WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END)),
  'slots', (SELECT count(*) FROM pg_replication_slots WHERE database = {name}
    AND slot_type = 'logical'),
  'sessions', coalesce((SELECT jsonb_agg(jsonb_build_object(
      'pid', pid, 'user', usename, 'app', application_name,
      'host', host(client_addr), 'state', state) ORDER BY pid)
    FROM pg_stat_activity
    WHERE datname = {name} AND pid <> pg_backend_pid() AND usesysid IS NOT NULL
      AND coalesce(backend_type, 'client backend') = 'client backend'), '[]'),
  'databases', coalesce((SELECT jsonb_agg(jsonb_build_object(
      'oid', d.oid::bigint, 'name', d.datname, 'owner', pg_get_userbyid(d.datdba),
      'encoding', pg_encoding_to_char(d.encoding),
      'collate', d.datcollate, 'ctype', d.datctype,
      'provider', CASE to_jsonb(d) ->> 'datlocprovider'
        WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' END,
      'locale', coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'),
      'icu_rules', to_jsonb(d) ->> 'daticurules',
      'tablespace', (SELECT spcname FROM pg_tablespace t WHERE t.oid = d.dattablespace),
      'connection_limit', d.datconnlimit, 'template', d.datistemplate,
      'comment', shobj_description(d.oid, 'pg_database'),
      'acl', (SELECT jsonb_agg(jsonb_build_object(
          'grantee', CASE WHEN a.grantee <> 0 THEN pg_get_userbyid(a.grantee) END,
          'privilege', a.privilege_type, 'grantable', a.is_grantable))
        FROM aclexplode(nullif(d.datacl, acldefault('d', d.datdba))) a),
      'settings', coalesce((SELECT jsonb_agg(jsonb_build_object(
          'role', CASE WHEN s.setrole <> 0 THEN pg_get_userbyid(s.setrole) END,
          'name', split_part(c, '=', 1), 'value', substr(c, strpos(c, '=') + 1)))
        FROM pg_db_role_setting s, unnest(s.setconfig) c WHERE s.setdatabase = d.oid), '[]'),
      'size', CASE WHEN has_database_privilege(d.oid, 'CONNECT')
        THEN pg_database_size(d.oid) END) ORDER BY d.datname)
    FROM pg_database d WHERE d.datname = {name} OR d.datname LIKE {like}), '[]')
)::text;
