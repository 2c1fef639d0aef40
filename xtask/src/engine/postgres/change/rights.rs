//! Rights that would survive a restore in place: default privileges, which would give new objects
//! to others than the dump does, and grants on what stays: the schema `public`, the members of
//! extensions, the system's own functions.

/// A default privilege is not an object that can be dropped: an entry disappears when it equals the
/// default (`SetDefaultACL` in PostgreSQL's `aclchk.c`).
const AS_NEW: &str = r#"DO $rights$
DECLARE
  x text;
BEGIN
  FOR x IN
    SELECT format('ALTER DEFAULT PRIVILEGES FOR ROLE %I%s %s ON %s %s %s', pg_get_userbyid(d.defaclrole),
      CASE WHEN d.defaclnamespace <> 0 THEN format(' IN SCHEMA %I', (SELECT nspname FROM pg_namespace n WHERE n.oid = d.defaclnamespace)) END,
      a.verb, CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES'
        WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END,
      a.way, CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END)
    FROM pg_default_acl d, LATERAL (
      SELECT DISTINCT 1 AS nth, 'REVOKE ALL' AS verb, 'FROM' AS way, grantee FROM aclexplode(d.defaclacl)
      UNION ALL SELECT 2, 'GRANT ' || privilege_type, 'TO', grantee
        FROM aclexplode(acldefault(CASE d.defaclobjtype WHEN 'S' THEN 's'::"char" ELSE d.defaclobjtype END, d.defaclrole))
        WHERE d.defaclnamespace = 0 AND d.defaclobjtype <> 'L') a
    WHERE pg_has_role(d.defaclrole, 'USAGE') ORDER BY d.oid, a.nth LOOP
    EXECUTE x;
  END LOOP;
  FOR x IN
    SELECT format('ALTER SCHEMA public OWNER TO %I', pg_get_userbyid(a.grantor))
    FROM pg_namespace n JOIN pg_init_privs i ON i.classoid = 'pg_namespace'::regclass AND i.objoid = n.oid, aclexplode(i.initprivs) a
    WHERE n.nspname = 'public' AND n.nspowner <> a.grantor AND pg_has_role(n.nspowner, 'USAGE') AND pg_has_role(a.grantor, 'USAGE') LIMIT 1 LOOP
    EXECUTE x;
  END LOOP;
  FOR x IN {OBJECTS} LOOP
    EXECUTE x;
  END LOOP;
  FOR x IN {COLUMNS} LOOP
    EXECUTE x;
  END LOOP;
END $rights$;
"#;

/// Everything that can have rights, in PostgreSQL's terms: its class and number, the letter and the
/// words for its kind, its name, its owner, its rights.
const OBJECTS: &str = r#"
    SELECT 'pg_class'::regclass AS classid, c.oid AS objid, CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char" AS kind,
        CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS word, format('%I.%I', n.nspname, c.relname) AS name, c.relowner AS owner, c.relacl AS acl
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND n.nspname !~ '^pg_temp'
    UNION ALL SELECT 'pg_proc'::regclass, p.oid, 'f', CASE to_jsonb(p) ->> 'prokind' WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END,
        p.oid::regprocedure::text, p.proowner, p.proacl FROM pg_proc p
    UNION ALL SELECT 'pg_type'::regclass, t.oid, 'T', 'TYPE', t.oid::regtype::text, t.typowner, t.typacl FROM pg_type t
    UNION ALL SELECT 'pg_namespace'::regclass, n.oid, 'n', 'SCHEMA', quote_ident(n.nspname), n.nspowner, n.nspacl FROM pg_namespace n
    UNION ALL SELECT 'pg_language'::regclass, l.oid, 'l', 'LANGUAGE', quote_ident(l.lanname), l.lanowner, l.lanacl FROM pg_language l
    UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, w.oid, 'F', 'FOREIGN DATA WRAPPER', quote_ident(w.fdwname), w.fdwowner, w.fdwacl
      FROM pg_foreign_data_wrapper w
    UNION ALL SELECT 'pg_foreign_server'::regclass, s.oid, 'S', 'FOREIGN SERVER', quote_ident(s.srvname), s.srvowner, s.srvacl
      FROM pg_foreign_server s"#;

/// Their columns, if the object has none by itself.
const COLUMNS: &str = r#"
    SELECT 'pg_class'::regclass AS classid, c.oid AS objid, a.attnum AS subid, format('(%I)', a.attname) AS part, 'TABLE' AS word,
        format('%I.%I', n.nspname, c.relname) AS name, c.relowner AS owner, a.attacl AS acl
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname !~ '^pg_temp'"#;

/// The statements that revoke changed rights, and grant the original ones again.
fn statements(objects: &str, subid: &str, part: &str, default: &str) -> String {
    format!(
        "
    SELECT s.text FROM ({objects}) o
      LEFT JOIN pg_init_privs i ON i.classoid = o.classid AND i.objoid = o.objid AND i.objsubid = \
         {subid},
      LATERAL (SELECT coalesce(i.initprivs, {default}) AS acl) new,
      LATERAL (
        SELECT DISTINCT 1 AS nth, format('REVOKE ALL{part} ON %s %s FROM %s CASCADE', {words} \
         o.word, o.name, {grantee}) AS text FROM aclexplode(o.acl) a
        UNION ALL SELECT 2, format('GRANT %s{part} ON %s %s TO %s%s', a.privilege_type, {words} \
         o.word, o.name, {grantee},
          CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' END) FROM aclexplode(new.acl) a) s
    WHERE o.acl IS NOT NULL AND pg_has_role(o.owner, 'USAGE') AND (
        EXISTS ({now} EXCEPT {then}) OR EXISTS ({then} EXCEPT {now}))
    ORDER BY o.classid, o.objid, s.nth",
        words = if part.is_empty() { "" } else { "o.part," },
        grantee = "CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE \
                   quote_ident(pg_get_userbyid(a.grantee)) END",
        now = "SELECT grantee, privilege_type, is_grantable FROM aclexplode(o.acl)",
        then = "SELECT grantee, privilege_type, is_grantable FROM aclexplode(new.acl)",
    )
}

/// Gives everything that stays the rights it has in a new database (`pg_init_privs`, which pg_dump
/// uses, too); the dump sets the rest. What our role may not change stays as it was before,
/// independent of the load.
pub(super) fn as_new() -> String {
    let objects = statements(OBJECTS, "0", "", "acldefault(o.kind, o.owner)");
    let columns = statements(COLUMNS, "o.subid", " %s", "NULL::aclitem[]");
    AS_NEW.replace("{OBJECTS}", &objects).replace("{COLUMNS}", &columns)
}
