BEGIN TRANSACTION;
CREATE TABLE entry (
    id INTEGER PRIMARY KEY AUTOINCREMENT, namespace TEXT NOT NULL, op_id TEXT NOT NULL, reservation TEXT NOT NULL,
    state TEXT NOT NULL, reason TEXT NOT NULL, queued_us INTEGER NOT NULL, sent_us INTEGER, body TEXT NOT NULL
) STRICT;
INSERT INTO "entry" VALUES(1,'golden','waits','','waiting','',1795435200000000,NULL,'{"v":"charge","d":"c745f2a339489c435a1a9cde3360aea7","s":["user/carol/🙂","project/launch|x","model/openai/gpt-4o","team/search","global"],"a":{"u":1000000000,"t":5,"r":1},"p":"given"}');
INSERT INTO "entry" VALUES(2,'golden','priced','00000000000000000000000000000000.priced','waiting','',1795435200000000,NULL,'{"v":"settle","d":"88536621af7483001e580e94b913ddec","s":["user/bob","project/launch","model/gpt-4o","global"],"a":{"u":7,"t":8,"r":1},"p":"given","i":"00000000000000000000000000000000.priced"}');
INSERT INTO "entry" VALUES(3,'golden','end','00000000000000000000000000000001.unpriced','waiting','',1795435200000000,NULL,'{"v":"settle","d":"93dd3bce7ae6ad4c4fafb7ab6eef35a1","a":{"r":1},"p":"given","i":"00000000000000000000000000000001.unpriced","k":true,"c":{"usage":{"input":5}}}');
CREATE TABLE migration (name TEXT PRIMARY KEY, readable_by INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO "migration" VALUES('tables',3);
CREATE TABLE part (
    namespace TEXT NOT NULL, scope TEXT NOT NULL, entry INTEGER NOT NULL, usd_nanos INTEGER NOT NULL,
    tokens INTEGER NOT NULL, requests INTEGER NOT NULL, PRIMARY KEY (namespace, scope, entry)
) STRICT, WITHOUT ROWID;
INSERT INTO "part" VALUES('golden','global',1,1000000000,5,1);
INSERT INTO "part" VALUES('golden','global',2,7,8,1);
INSERT INTO "part" VALUES('golden','model/gpt-4o',2,7,8,1);
INSERT INTO "part" VALUES('golden','model/openai/gpt-4o',1,1000000000,5,1);
INSERT INTO "part" VALUES('golden','project/launch',2,7,8,1);
INSERT INTO "part" VALUES('golden','project/launch|x',1,1000000000,5,1);
INSERT INTO "part" VALUES('golden','team/search',1,1000000000,5,1);
INSERT INTO "part" VALUES('golden','user/bob',2,7,8,1);
INSERT INTO "part" VALUES('golden','user/carol/🙂',1,1000000000,5,1);
CREATE UNIQUE INDEX entry_op ON entry (namespace, op_id) WHERE state <> 'failed';
CREATE INDEX entry_state ON entry (namespace, state, id);
CREATE INDEX part_entry ON part (entry)
;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('entry',3);
COMMIT;
PRAGMA user_version=3;
