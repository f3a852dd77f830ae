CREATE TABLE namespace (
    name TEXT PRIMARY KEY, timezone TEXT NOT NULL, life TEXT NOT NULL, sequence INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO namespace VALUES ('coreason', 'UTC', '{"id":"1","schema":2,"timezone":"UTC","since_us":1795000000000000}', 7);
PRAGMA user_version=2;
