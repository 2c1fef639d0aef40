-- Collects statistics of these tables, and names those on which that failed.
SET synchronous_commit = off;
\set ON_ERROR_ROLLBACK on
\set ON_ERROR_STOP off
{reaching} SELECT format('ANALYZE %I.%I', nspname, relname) FROM {tables} \gexec
\set ON_ERROR_STOP on
\set ON_ERROR_ROLLBACK off
{reaching} SELECT {failed} || {named} FROM {tables} AND pg_relation_size(oid) > 0
  AND (nspname, relname) NOT IN (SELECT schemaname, tablename FROM pg_stats)
  AND EXISTS (SELECT FROM pg_attribute a WHERE attrelid = oid AND attnum > 0 AND NOT attisdropped
    AND attstattarget IS DISTINCT FROM 0)
  ORDER BY 1;
