-- Gives what stays the rights that it has in a new database.
DO $rights$
DECLARE
  x text;
BEGIN
  FOR x IN
    SELECT format('ALTER DEFAULT PRIVILEGES FOR ROLE %I%s %s ON %s %s %s',
      pg_get_userbyid(d.defaclrole),
      CASE WHEN d.defaclnamespace <> 0 THEN format(' IN SCHEMA %I',
        (SELECT nspname FROM pg_namespace n WHERE n.oid = d.defaclnamespace)) END,
      a.verb, CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES'
        WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES'
        WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END,
      a.way, CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END)
    FROM pg_default_acl d, LATERAL (
      SELECT DISTINCT 1 AS nth, 'REVOKE ALL' AS verb, 'FROM' AS way, grantee
        FROM aclexplode(d.defaclacl)
      UNION ALL SELECT 2, 'GRANT ' || privilege_type, 'TO', grantee
        FROM aclexplode(acldefault(CASE d.defaclobjtype WHEN 'S' THEN 's'::"char"
          ELSE d.defaclobjtype END, d.defaclrole))
        WHERE d.defaclnamespace = 0 AND d.defaclobjtype <> 'L') a
    WHERE pg_has_role(d.defaclrole, 'USAGE') ORDER BY d.oid, a.nth LOOP
    EXECUTE x;
  END LOOP;
  FOR x IN
    SELECT format('ALTER SCHEMA public OWNER TO %I', pg_get_userbyid(a.grantor))
    FROM pg_namespace n JOIN pg_init_privs i ON i.classoid = 'pg_namespace'::regclass
      AND i.objoid = n.oid, aclexplode(i.initprivs) a
    WHERE n.nspname = 'public' AND n.nspowner <> a.grantor AND pg_has_role(n.nspowner, 'USAGE')
      AND pg_has_role(a.grantor, 'USAGE') LIMIT 1 LOOP
    EXECUTE x;
  END LOOP;
  FOR x IN {objects} LOOP
    EXECUTE x;
  END LOOP;
  FOR x IN {columns} LOOP
    EXECUTE x;
  END LOOP;
END $rights$;
