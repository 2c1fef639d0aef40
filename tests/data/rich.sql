-- Everything that a plain dump can carry, a few rows each, and the database's own settings, which it cannot:
-- psql -X -f rich.sql -d DB, as a superuser, on PostgreSQL 14 or newer. DB should be empty.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
SET client_encoding = 'UTF8';
-- roles belong to the server; another load may make this one at the same moment
DO $$
BEGIN
    CREATE ROLE dbt_rich_reader NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
BEGIN;

-- names
CREATE SCHEMA shop;
CREATE SCHEMA "Größe ""x""";
CREATE TABLE "Größe ""x"""."a.b" ("Id" int PRIMARY KEY, "select" text, "Ünï ☃" text, "it's" text, "with ""quotes""" text);
INSERT INTO "Größe ""x"""."a.b" VALUES
    (1, 'tab	newline' || chr(10) || 'backslash \ return' || chr(13) || 'end', '☃ ü 你好 😀', '''', '"'),
    (2, '\.', '\N', NULL, ''),
    (3, '-- PostgreSQL database dump complete', '\restrict x', 'COPY a FROM stdin;', '$$');
CREATE TABLE shop."Mixed Case" (a int);
INSERT INTO shop."Mixed Case" VALUES (1), (1), (NULL);
CREATE TABLE shop.nothing ();
INSERT INTO shop.nothing DEFAULT VALUES;
CREATE TABLE shop.empty (id int PRIMARY KEY);

-- types
CREATE TYPE shop.mood AS ENUM ('sad', 'it''s ok', 'Happy ☃');
CREATE DOMAIN shop.email AS text COLLATE "C" DEFAULT 'x@y' CONSTRAINT has_at CHECK (VALUE ~ '@');
CREATE TYPE shop.address AS (street text, "Zip" varchar(10));
CREATE TYPE shop.span AS RANGE (subtype = float8, subtype_diff = float8mi);
CREATE TABLE shop.types (
    id int GENERATED ALWAYS AS IDENTITY (START 10 INCREMENT 5) PRIMARY KEY,
    mood shop.mood DEFAULT 'sad', mail shop.email, home shop.address, span shop.span,
    doc jsonb, raw json, bytes bytea, words text[], grid int[][], moods shop.mood[],
    price numeric(20, 6), f4 real, f8 double precision, flag boolean, day date, at timestamptz, local timestamp,
    lasts interval, id2 uuid, net inet, bits bit varying(9), money_ numeric, xml_ text, ts tsvector, point_ point,
    days daterange, ch char(4), made text GENERATED ALWAYS AS (upper(mail) || '!') STORED);
INSERT INTO shop.types (mood, mail, home, span, doc, raw, bytes, words, grid, moods, price, f4, f8, flag, day, at, local,
    lasts, id2, net, bits, money_, xml_, ts, point_, days, ch)
VALUES
    ('Happy ☃', 'a@b', ROW('Main "St", 1', '0 0'), '[1.5,2.5)', '{"a": [1, null, "\u2603 \"q\" \\"]}', '{ "b" : 1,  "b":2 }',
     '\x00ff5c0a0d', ARRAY['a,b', 'c"d', NULL, '', 'NULL', '{}', '\'], '{{1,2},{3,4}}', '{sad,"it''s ok"}', 12345678901234.123456,
     1.1, 0.1, true, '0044-03-15 BC', '2024-02-29 23:59:59.999999+05:30', 'infinity', '1 year -2 days 03:04:05.678', 
     '00000000-0000-0000-0000-000000000001', '192.168.0.1/24', B'10101', 'NaN', '<a>&amp;</a>', to_tsvector('simple', 'b a ''c'), '(1,2)',
     'empty', 'ab'),
    (NULL, NULL, NULL, NULL, 'null', NULL, '', '{}', NULL, NULL, NULL, 'NaN', '-Infinity', NULL, 'infinity', '-infinity', NULL,
     NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

-- sequences: never asked, asked, at a value set by hand; owned and not
CREATE SEQUENCE shop.fresh START 7;
CREATE SEQUENCE shop."Used ☃" INCREMENT -3 MINVALUE -1000 MAXVALUE 50 START 50 CACHE 2 CYCLE;
SELECT nextval('shop."Used ☃"'), setval('shop."Used ☃"', -30) \g /dev/null
CREATE TABLE shop.serials (id bigserial PRIMARY KEY, other smallserial, note text);
INSERT INTO shop.serials (note) SELECT 'n' || i FROM generate_series(1, 5) i;

-- foreign keys in a cycle, deferrable; a key on itself; exclusion and checks
CREATE TABLE shop.teams (id int PRIMARY KEY, lead_id int NOT NULL, name text UNIQUE);
CREATE TABLE shop.people (id int PRIMARY KEY, team_id int NOT NULL REFERENCES shop.teams ON DELETE CASCADE, boss int REFERENCES shop.people,
    age int CONSTRAINT grown CHECK (age >= 0), late int, CONSTRAINT "Ünique" UNIQUE (team_id, age));
ALTER TABLE shop.teams ADD CONSTRAINT lead FOREIGN KEY (lead_id) REFERENCES shop.people DEFERRABLE INITIALLY DEFERRED;
INSERT INTO shop.teams VALUES (1, 1, 'a'), (2, 3, NULL);
INSERT INTO shop.people VALUES (1, 1, 2, 30), (2, 1, 1, 31), (3, 2, NULL, NULL);
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE shop.people ADD CONSTRAINT unproved CHECK (late > 0) NOT VALID;
CREATE TABLE shop.bookings (room int, during tsrange, EXCLUDE USING gist (during WITH &&));
INSERT INTO shop.bookings VALUES (1, '[2024-01-01,2024-01-02)'), (1, '[2024-01-02,2024-01-03)');

-- partitions of partitions, inheritance
CREATE TABLE shop.events (at date NOT NULL, kind text NOT NULL, n int, PRIMARY KEY (at, kind)) PARTITION BY RANGE (at);
CREATE TABLE shop.events_2024 PARTITION OF shop.events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') PARTITION BY LIST (kind);
CREATE TABLE shop."events 2024 a" PARTITION OF shop.events_2024 FOR VALUES IN ('a', 'ä');
CREATE TABLE shop.events_2024_rest PARTITION OF shop.events_2024 DEFAULT;
CREATE TABLE shop.events_rest PARTITION OF shop.events DEFAULT;
CREATE INDEX events_n ON shop.events (n);
INSERT INTO shop.events SELECT date '2023-12-30' + i, CASE WHEN i % 2 = 0 THEN 'a' ELSE 'b' END, i FROM generate_series(1, 400) i;
CREATE TABLE shop.hashed (id int PRIMARY KEY) PARTITION BY HASH (id);
CREATE TABLE shop.hashed_0 PARTITION OF shop.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE shop.hashed_1 PARTITION OF shop.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO shop.hashed SELECT generate_series(1, 20);
CREATE TABLE shop.animals (name text NOT NULL, legs int DEFAULT 4);
CREATE TABLE shop.birds (wings int DEFAULT 2) INHERITS (shop.animals);
ALTER TABLE shop.birds ALTER legs SET DEFAULT 2;
INSERT INTO shop.animals VALUES ('cow');
INSERT INTO shop.birds (name) VALUES ('owl');
CREATE UNLOGGED TABLE shop.scratch (id int) WITH (fillfactor = 70);
INSERT INTO shop.scratch VALUES (1);

-- functions, aggregates, operators
CREATE FUNCTION shop.quotes(a text DEFAULT 'it''s') RETURNS text LANGUAGE plpgsql IMMUTABLE AS $body$
DECLARE
    inner_ text := $$a "quoted" 'text' \ $$;
BEGIN
    -- a line that ends COPY data, one that looks like a psql command, one like a dump's end:
    inner_ := inner_ || '
\.
\! false
-- PostgreSQL database dump complete
\unrestrict x
COPY x FROM stdin;
';
    RETURN inner_ || a;	-- a tab, and trailing blanks  
END $body$;
CREATE FUNCTION shop.modern(a int, OUT b int, OUT c int) LANGUAGE sql BEGIN ATOMIC SELECT a + 1, a * (SELECT count(*)::int FROM shop.people); END;
CREATE FUNCTION shop.old(int) RETURNS SETOF shop.people LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = shop, pg_temp
    AS 'SELECT * FROM shop.people WHERE id > $1';
CREATE PROCEDURE shop.act(INOUT n int) LANGUAGE plpgsql AS $$BEGIN n := n + 1; END$$;
CREATE AGGREGATE shop.product(int) (SFUNC = int4mul, STYPE = int, INITCOND = '1');
CREATE OPERATOR shop.=~= (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq, COMMUTATOR = OPERATOR(shop.=~=));
CREATE CAST (shop.address AS text) WITH INOUT;
CREATE COLLATION shop.plain (provider = libc, locale = 'C');
CREATE TEXT SEARCH CONFIGURATION shop.terms (COPY = simple);

-- views, rules, triggers, statistics, indexes
CREATE VIEW shop.adults WITH (security_barrier) AS SELECT id, age FROM shop.people WHERE age >= 18 WITH LOCAL CHECK OPTION;
CREATE VIEW shop."View ☃" AS SELECT a."Id", m.name FROM "Größe ""x"""."a.b" a LEFT JOIN shop.teams m ON m.id = a."Id";
CREATE RECURSIVE VIEW shop.chain (id, depth) AS SELECT id, 1 FROM shop.people UNION ALL SELECT id, depth + 1 FROM chain WHERE depth < 3;
CREATE MATERIALIZED VIEW shop.totals AS SELECT kind, count(*) AS n, sum(n) AS total FROM shop.events GROUP BY kind;
CREATE UNIQUE INDEX ON shop.totals (kind);
CREATE MATERIALIZED VIEW shop.unfilled AS SELECT 1 AS one WITH NO DATA;
CREATE TABLE shop.log (id int GENERATED BY DEFAULT AS IDENTITY, what text);
CREATE RULE no_delete AS ON DELETE TO shop.serials DO INSTEAD NOTHING;
CREATE RULE noted AS ON UPDATE TO shop.teams DO ALSO INSERT INTO shop.log (what) VALUES ('team ' || OLD.id);
CREATE FUNCTION shop.noted() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO shop.log (what) VALUES (TG_OP); RETURN NEW; END$$;
CREATE TRIGGER noted AFTER INSERT OR UPDATE OF age ON shop.people FOR EACH ROW WHEN (NEW.age > 40) EXECUTE FUNCTION shop.noted();
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON shop.people DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION shop.noted();
CREATE TRIGGER asleep BEFORE UPDATE ON shop.teams EXECUTE FUNCTION shop.noted();
ALTER TABLE shop.teams DISABLE TRIGGER asleep;
INSERT INTO shop.people VALUES (4, 2, 3, 41);
CREATE INDEX ON shop.people ((age % 10) DESC NULLS LAST) INCLUDE (boss) WHERE age IS NOT NULL;
CREATE INDEX ON shop.types USING gin (doc);
CREATE STATISTICS shop.related (dependencies, ndistinct) ON team_id, age FROM shop.people;
ALTER TABLE shop.people ALTER age SET STATISTICS 500, ALTER late SET STORAGE PLAIN;
ALTER TABLE shop.people CLUSTER ON people_pkey;
ALTER TABLE shop.teams REPLICA IDENTITY FULL;
CREATE PUBLICATION "dbt rich" FOR TABLE shop.people;

-- row-level security, defined and on, not forced: the owner sees all, others what a policy lets them
ALTER TABLE shop.teams ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON shop.teams FOR SELECT TO dbt_rich_reader USING (name IS NOT NULL);

-- grants, default privileges, comments
GRANT USAGE ON SCHEMA shop TO dbt_rich_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA shop TO dbt_rich_reader;
GRANT UPDATE (age) ON shop.people TO dbt_rich_reader WITH GRANT OPTION;
REVOKE EXECUTE ON FUNCTION shop.old(int) FROM PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT ON TABLES TO dbt_rich_reader;
ALTER TABLE shop.log OWNER TO dbt_rich_reader;
COMMENT ON SCHEMA shop IS 'it''s a "shop" ☃';
COMMENT ON TABLE shop.people IS E'two\nlines \\ and a backslash';
COMMENT ON COLUMN shop.people.age IS 'in years; -- not a comment';
COMMENT ON CONSTRAINT grown ON shop.people IS 'grown';

-- large objects: with content, empty, owned by another
SELECT lo_from_bytea(900001, '\x00010203ff'), lo_from_bytea(900002, convert_to(repeat('large ☃ ', 2000), 'UTF8')), lo_create(900003) \g /dev/null
COMMENT ON LARGE OBJECT 900001 IS 'bytes';
GRANT SELECT ON LARGE OBJECT 900001 TO dbt_rich_reader;
ALTER LARGE OBJECT 900003 OWNER TO dbt_rich_reader;

-- extensions, where the server has them
SELECT bool_or(name = 'hstore') AS hstore, bool_or(name = 'pgcrypto') AS pgcrypto FROM pg_available_extensions \gset
\if :hstore
CREATE EXTENSION hstore SCHEMA shop;
CREATE TABLE shop.pairs (id int PRIMARY KEY, h shop.hstore);
INSERT INTO shop.pairs VALUES (1, '"a b"=>"c\"d", n=>NULL');
\endif
\if :pgcrypto
CREATE EXTENSION pgcrypto;
CREATE TABLE shop.digests AS SELECT i, public.digest(i::text, 'sha256') AS d FROM generate_series(1, 3) i;
\endif
COMMIT;

-- of the database itself
SELECT format('COMMENT ON DATABASE %I IS %L', current_database(), 'it''s rich ☃'),
       format('ALTER DATABASE %I SET search_path = shop, "$user", public', current_database()),
       format('ALTER DATABASE %I SET "dbt.note" = %L', current_database(), 'a = ''b'''),
       format('ALTER ROLE dbt_rich_reader IN DATABASE %I SET statement_timeout = %L', current_database(), '5s'),
       format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()),
       format('GRANT CREATE ON DATABASE %I TO dbt_rich_reader', current_database()),
       format('ALTER DATABASE %I CONNECTION LIMIT 90', current_database()) \gexec
