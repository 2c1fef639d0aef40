-- Unusual facts about the server, and about the database {name}.
jsonb_build_object(
    'read_only', (SELECT reset_val = 'on' FROM pg_settings
      WHERE name = 'default_transaction_read_only'),
    'standby', pg_is_in_recovery(),
    'unheard', replace(current_setting('search_path'), ' ', '') <> 'pg_catalog,pg_temp',
    'several_encodings', EXISTS (SELECT FROM pg_database
      WHERE pg_encoding_to_char(encoding) <> 'UTF8'),
    'tablespaces', (SELECT jsonb_agg(spcname) FROM pg_tablespace),
    'unlogged', coalesce((SELECT jsonb_agg(oid::regclass::text ORDER BY 1) FROM pg_class
      WHERE relpersistence = 'u' AND relkind = 'r' AND pg_is_in_recovery()), '[]'),
    'mappings', coalesce((SELECT jsonb_agg(DISTINCT format('`%s` on `%s`', m.usename, m.srvname))
      FROM pg_user_mappings m JOIN pg_foreign_server s ON s.oid = m.srvid
      WHERE current_database() = {name} AND m.umoptions IS NULL
        AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
        AND NOT (m.umuser <> 0 AND m.usename = current_user
          AND (pg_has_role(s.srvowner, 'USAGE') OR has_server_privilege(s.oid, 'USAGE')))
        AND NOT (m.umuser = 0 AND pg_has_role(s.srvowner, 'USAGE'))), '[]'),
    'login_triggers', coalesce((SELECT jsonb_agg(evtname ORDER BY evtname) FROM pg_event_trigger
      WHERE current_database() = {name} AND evtevent = 'login' AND evtenabled IN ('O', 'A')), '[]'),
    'subscriptions', coalesce((SELECT jsonb_agg(subname ORDER BY subname)
      FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid
      WHERE s.subenabled AND d.datname = {name}), '[]'))
