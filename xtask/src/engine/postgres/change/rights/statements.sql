-- The statements that revoke changed rights, and grant the original ones again.
SELECT s.text FROM ({objects}) o
  LEFT JOIN pg_init_privs i
    ON i.classoid = o.classid AND i.objoid = o.objid AND i.objsubid = {subid},
  LATERAL (SELECT coalesce(i.initprivs, {default}) AS acl) new,
  LATERAL (
    SELECT DISTINCT 1 AS nth, format('REVOKE ALL{part} ON %s %s FROM %s CASCADE',
        {words} o.word, o.name, {grantee}) AS text FROM aclexplode(o.acl) a
    UNION ALL SELECT 2, format('GRANT %s{part} ON %s %s TO %s%s',
        a.privilege_type, {words} o.word, o.name, {grantee},
        CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' END) FROM aclexplode(new.acl) a) s
WHERE o.acl IS NOT NULL AND pg_has_role(o.owner, 'USAGE') AND (
    EXISTS ({now} EXCEPT {then}) OR EXISTS ({then} EXCEPT {now}))
ORDER BY o.classid, o.objid, s.nth
