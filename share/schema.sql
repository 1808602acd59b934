-- Sallyport state store, schema version 3 (SQLite). The text in src/store/store_schema.c is the same; a test compares.
-- Times: *_s seconds, *_us microseconds since 1970 UTC.

CREATE TABLE schema_version (
	version INTEGER NOT NULL
) STRICT;
INSERT INTO schema_version (version) VALUES (3);

-- Numbers that never repeat: certificate serials, session counters.
CREATE TABLE counter (
	name TEXT PRIMARY KEY,
	value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counter (name, value) VALUES ('serial', 0), ('session', 0);

CREATE TABLE cert (
	serial INTEGER PRIMARY KEY,
	user TEXT NOT NULL,
	key_id TEXT NOT NULL,
	fingerprint TEXT NOT NULL,
	source TEXT NOT NULL,
	issued_s INTEGER NOT NULL,
	valid_after_s INTEGER NOT NULL,
	valid_before_s INTEGER NOT NULL,
	issuer TEXT NOT NULL DEFAULT '',
	on_behalf_of TEXT NOT NULL DEFAULT '',
	ca_fp TEXT NOT NULL DEFAULT '',
	parent INTEGER NOT NULL DEFAULT 0,
	blob BLOB NOT NULL DEFAULT x''
) STRICT;
CREATE INDEX cert_fingerprint ON cert (fingerprint);
CREATE INDEX cert_user ON cert (user);
CREATE INDEX cert_behalf ON cert (on_behalf_of) WHERE on_behalf_of <> '';
CREATE INDEX cert_valid ON cert (valid_before_s);

CREATE TABLE revocation (
	kind TEXT NOT NULL CHECK (kind IN ('serial', 'user', 'key', 'ca', 'id')),
	value TEXT NOT NULL,
	by_user TEXT NOT NULL,
	why TEXT NOT NULL,
	at_s INTEGER NOT NULL,
	PRIMARY KEY (kind, value)
) STRICT, WITHOUT ROWID;

-- end_us 0: live.
CREATE TABLE session (
	counter INTEGER PRIMARY KEY,
	id TEXT NOT NULL UNIQUE,
	user TEXT NOT NULL,
	person TEXT NOT NULL,
	target TEXT NOT NULL,
	database TEXT NOT NULL,
	login TEXT NOT NULL,
	source TEXT NOT NULL,
	client TEXT NOT NULL,
	cert_serial TEXT NOT NULL,
	start_us INTEGER NOT NULL,
	end_us INTEGER NOT NULL DEFAULT 0,
	end_reason TEXT NOT NULL DEFAULT '',
	statements INTEGER NOT NULL DEFAULT 0,
	row_count INTEGER NOT NULL DEFAULT 0,
	byte_count INTEGER NOT NULL DEFAULT 0,
	on_behalf_of TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX session_live ON session (counter) WHERE end_us = 0;

-- state: 0 pending, 1 approved, 2 consumed, 3 denied, 4 expired, 5 withdrawn.
CREATE TABLE request (
	id TEXT PRIMARY KEY,
	state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 5),
	session TEXT NOT NULL,
	user TEXT NOT NULL,
	person TEXT NOT NULL,
	on_behalf_of TEXT NOT NULL,
	target TEXT NOT NULL,
	database TEXT NOT NULL,
	login TEXT NOT NULL,
	sql BLOB NOT NULL,
	params BLOB NOT NULL,
	class TEXT NOT NULL,
	rule TEXT NOT NULL,
	reason TEXT NOT NULL,
	meaning TEXT NOT NULL,
	tx TEXT NOT NULL,
	approval TEXT NOT NULL,
	approvers TEXT NOT NULL,
	binding BLOB NOT NULL CHECK (length(binding) = 32),
	quorum INTEGER NOT NULL CHECK (quorum > 0),
	outlives INTEGER NOT NULL,
	waiting INTEGER NOT NULL,
	created_us INTEGER NOT NULL,
	deadline_us INTEGER NOT NULL,
	decided_us INTEGER NOT NULL DEFAULT 0,
	decided_by TEXT NOT NULL DEFAULT '',
	decided_why TEXT NOT NULL DEFAULT '',
	effect TEXT NOT NULL DEFAULT '',
	effect_rows INTEGER NOT NULL DEFAULT -1
) STRICT;
CREATE INDEX request_open ON request (deadline_us) WHERE state < 2;
CREATE INDEX request_created ON request (created_us);
CREATE INDEX request_session ON request (session);
CREATE INDEX request_binding ON request (binding) WHERE state = 1;

-- One yes per person and request, and what the person was then: who that may not be any more does not count.
CREATE TABLE approval (
	request TEXT NOT NULL REFERENCES request (id),
	person TEXT NOT NULL,
	user TEXT NOT NULL,
	why TEXT NOT NULL,
	at_us INTEGER NOT NULL,
	via INTEGER NOT NULL DEFAULT 0,
	issuer TEXT NOT NULL DEFAULT '',
	groups TEXT NOT NULL DEFAULT '',
	serial INTEGER NOT NULL DEFAULT 0,
	key_id TEXT NOT NULL DEFAULT '',
	key_fp TEXT NOT NULL DEFAULT '',
	ca_fp TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (request, person)
) STRICT, WITHOUT ROWID;

-- Users who may not log in until unlocked.
CREATE TABLE lock (
	user TEXT PRIMARY KEY,
	by_user TEXT NOT NULL,
	why TEXT NOT NULL,
	at_s INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Who an identity provider's subject is here; key_fp, groups: of the latest login.
CREATE TABLE account (
	iss TEXT NOT NULL,
	sub TEXT NOT NULL,
	issuer TEXT NOT NULL,
	user TEXT NOT NULL UNIQUE,
	groups TEXT NOT NULL,
	key_fp TEXT NOT NULL,
	first_s INTEGER NOT NULL,
	last_s INTEGER NOT NULL,
	PRIMARY KEY (iss, sub)
) STRICT, WITHOUT ROWID;

-- Keys an account logged in with.
CREATE TABLE account_key (
	iss TEXT NOT NULL,
	sub TEXT NOT NULL,
	key_fp TEXT NOT NULL,
	PRIMARY KEY (iss, sub, key_fp),
	FOREIGN KEY (iss, sub) REFERENCES account (iss, sub) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Tokens that were used and must not be used again.
CREATE TABLE token (
	hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
	expires_s INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX token_expires ON token (expires_s);

-- Certificate authorities. state: 0 trusted, 1 active (signs), 2 retired.
CREATE TABLE ca (
	number INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,
	spec TEXT NOT NULL,
	fingerprint TEXT NOT NULL UNIQUE,
	blob BLOB NOT NULL,
	state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),
	added_s INTEGER NOT NULL,
	changed_s INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX ca_active ON ca (state) WHERE state = 1;
