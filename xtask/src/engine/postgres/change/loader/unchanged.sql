-- Fails if owners or rights of what is not from the file have changed.
DECLARE
  found text;
BEGIN
  SELECT string_agg(pg_describe_object(class, id, sub), ', ') INTO found
    FROM (SELECT * FROM pg_temp.db_tasks_theirs EXCEPT ({now}) LIMIT 3) changed;
  IF found IS NOT NULL THEN
    RAISE EXCEPTION '{said}: %', found USING ERRCODE = 'insufficient_privilege';
  END IF;
END
