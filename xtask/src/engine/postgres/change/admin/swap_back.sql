-- Gives the old database its name back, if it waits under the name that the run gave it.
BEGIN
  IF {due} THEN
    IF {live_oid} IS NOT NULL THEN
      {away}
      {mark}    END IF;
    {home}
{unmark}{older}  END IF;
  IF {live_oid} IS DISTINCT FROM {old} AND {kept_oid} IS DISTINCT FROM {old} THEN
    RAISE EXCEPTION 'the old database is neither % nor %', {live_name}, {kept_name};
  END IF;
END
