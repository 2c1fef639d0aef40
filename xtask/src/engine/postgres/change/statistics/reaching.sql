-- Tables with a part on another server: how a query begins.
WITH RECURSIVE reaching AS (
    SELECT i.inhparent AS oid FROM pg_inherits i JOIN pg_class f ON f.oid = i.inhrelid
      WHERE f.relkind = 'f'
    UNION SELECT i.inhparent FROM pg_inherits i JOIN reaching r ON r.oid = i.inhrelid)
