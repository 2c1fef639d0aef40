-- three users to try things with
INSERT INTO users (email) VALUES ('admin@rephlo.test'), ('free@rephlo.test'), ('pro@rephlo.test');
