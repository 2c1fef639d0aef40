-- Rows of both: only the user's are in a dump, as with PostGIS's spatial_ref_sys.
CREATE TABLE dbt_kind (id int PRIMARY KEY, name text, own boolean NOT NULL DEFAULT true);
INSERT INTO dbt_kind SELECT i, 'built in ' || i, false FROM generate_series(1, 100) i;
SELECT pg_catalog.pg_extension_config_dump('dbt_kind', 'WHERE own');

-- Rows of the user's alone, which refer to each other and to those above.
CREATE TABLE "dbt Set" (id serial PRIMARY KEY, kind int REFERENCES dbt_kind, of int REFERENCES "dbt Set", what text);
SELECT pg_catalog.pg_extension_config_dump('"dbt Set"', '');
SELECT pg_catalog.pg_extension_config_dump('"dbt Set_id_seq"', '');

-- Rows that no dump takes along.
CREATE TABLE dbt_cache (id int);
INSERT INTO dbt_cache VALUES (1);

-- A trigger's function that lets no row in.
CREATE FUNCTION dbt_swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
