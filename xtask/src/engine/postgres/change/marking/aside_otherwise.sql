-- Changes the mark of databases that were moved aside in one way.
DECLARE
  d record;
BEGIN
  FOR d IN SELECT datname, c, split_part(c, {end}, 1) AS line
      FROM pg_database, shobj_description(oid, 'pg_database') c
      WHERE datname IN ({names}) AND datconnlimit <> {invalid} AND {is_set} LOOP
    EXECUTE format('COMMENT ON DATABASE %I IS %L', d.datname, {to} ||
      CASE WHEN d.c = d.line THEN '' ELSE {end} || split_part(d.c, d.line || {end}, 2) END);
  END LOOP;
END
