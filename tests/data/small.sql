-- 50 tables, some 5 MB at scale 1: psql -v scale=1 -f small.sql -d DB
-- Deterministic: two loads have equal rows.
\set ON_ERROR_STOP on
\if :{?scale} \else
  \set scale 1
\endif
SELECT set_config('sample.scale', :'scale', false) \g /dev/null
BEGIN;
DO $sample$
DECLARE
    rows int := greatest(1, round(640 * current_setting('sample.scale')::numeric));
BEGIN
    FOR t IN 1..50 LOOP
        EXECUTE format('CREATE TABLE small_%s (id int PRIMARY KEY, parent int, name text NOT NULL, at timestamptz)', to_char(t, 'FM00'));
        EXECUTE format(
            'INSERT INTO small_%1$s SELECT i, 1 + i / 2, repeat(md5(%2$s || ''.'' || i), 4),
             timestamptz ''2024-01-01 UTC'' + i * interval ''1 minute'' FROM generate_series(1, %3$s) i',
            to_char(t, 'FM00'), t, rows);
        EXECUTE format('CREATE INDEX ON small_%s (parent)', to_char(t, 'FM00'));
    END LOOP;
END $sample$;
COMMIT;
