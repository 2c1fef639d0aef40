-- The statements that drop the subscriptions of the database.
SELECT format(command, subname) FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid,
  (VALUES (1, 'ALTER SUBSCRIPTION %I DISABLE'),
    (2, 'ALTER SUBSCRIPTION %I SET (slot_name = NONE)'),
    (3, 'DROP SUBSCRIPTION %I')) c (nth, command)
WHERE d.datname = current_database() ORDER BY subname, nth
