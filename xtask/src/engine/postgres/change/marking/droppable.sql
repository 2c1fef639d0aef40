-- Fails if a database must not be dropped, and otherwise makes it droppable.
BEGIN
  IF {bears_no_mark} THEN
    RAISE EXCEPTION 'this database was not created by db-tasks, or a run may still need it, so it is not dropped';
  END IF;
  IF EXISTS (SELECT FROM pg_database WHERE datname = {name} AND datistemplate) THEN
    ALTER DATABASE {database} IS_TEMPLATE false;
  END IF;
END
