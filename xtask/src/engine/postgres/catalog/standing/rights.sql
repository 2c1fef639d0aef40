-- Who has rights on what, by the owner of it.
SELECT a.grantee, o.owner FROM objects o, aclexplode(o.acl) a
UNION ALL SELECT a.grantee, c.relowner FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(t.attacl) a
  WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
UNION ALL SELECT a.grantee, d.defaclrole FROM pg_default_acl d, aclexplode(d.defaclacl) a
