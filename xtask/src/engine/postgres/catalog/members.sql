-- The extension of a table, and which of its rows are in a dump: a join to pg_class c.
LEFT JOIN LATERAL (
    SELECT e.extname, c.oid = ANY (e.extconfig) AS configured,
      e.extcondition[array_position(e.extconfig, c.oid)] AS condition
    FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
      AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' LIMIT 1
  ) m ON true
