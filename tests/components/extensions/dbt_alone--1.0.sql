DO $$
BEGIN
  IF current_database() <> current_setting('dbt.database_name', true) THEN
    RAISE EXCEPTION 'can only create extension in database %', current_setting('dbt.database_name', true);
  END IF;
END $$;
CREATE SCHEMA dbt_alone;
CREATE TABLE dbt_alone.job (id int PRIMARY KEY, what text);
SELECT pg_catalog.pg_extension_config_dump('dbt_alone.job', '');
