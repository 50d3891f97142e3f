-- What all migrations together lead to; a test compares. Moments are microseconds since 1970 in
-- UTC; 0 is no moment. Columns "data" are sealed before they get here.

CREATE TABLE schema_migration (
    version  BIGINT NOT NULL PRIMARY KEY,
    checksum TEXT   NOT NULL -- SHA-256 of the migration's file, in hexadecimal
);

-- A decoy has no directory and no account.
CREATE TABLE recovery (
    id        TEXT   NOT NULL PRIMARY KEY,
    version   BIGINT NOT NULL,
    directory TEXT   NOT NULL,
    account   TEXT   NOT NULL,
    state     TEXT   NOT NULL,
    began     BIGINT NOT NULL,
    deadline  BIGINT NOT NULL, -- 0: final
    ended     BIGINT NOT NULL, -- 0: not final
    data      BYTEA  NOT NULL
);
CREATE INDEX recovery_open ON recovery (directory, account) WHERE deadline <> 0 AND account <> '';
CREATE INDEX recovery_due ON recovery (deadline) WHERE deadline <> 0;
CREATE INDEX recovery_ended ON recovery (ended) WHERE deadline = 0;

CREATE TABLE enrollment (
    id        TEXT   NOT NULL PRIMARY KEY,
    version   BIGINT NOT NULL,
    directory TEXT   NOT NULL,
    account   TEXT   NOT NULL CHECK (account <> ''),
    factor    TEXT   NOT NULL,
    label     TEXT   NOT NULL,
    found     TEXT   NOT NULL, -- '': not to be found by a value
    added     BIGINT NOT NULL,
    used      BIGINT NOT NULL,
    data      BYTEA  NOT NULL
);
CREATE INDEX enrollment_account ON enrollment (directory, account);
CREATE UNIQUE INDEX enrollment_found ON enrollment (factor, found) WHERE found <> '';

-- Former passwords, as sealed hashes: the newest few of each person.
CREATE TABLE password_history (
    id        TEXT   NOT NULL PRIMARY KEY,
    directory TEXT   NOT NULL,
    account   TEXT   NOT NULL CHECK (account <> ''),
    at        BIGINT NOT NULL,
    data      BYTEA  NOT NULL
);
CREATE INDEX password_history_account ON password_history (directory, account, at);

CREATE TABLE ticket (
    id       TEXT   NOT NULL PRIMARY KEY,
    version  BIGINT NOT NULL,
    deadline BIGINT NOT NULL, -- 0: used or withdrawn
    ended    BIGINT NOT NULL, -- when it was used, else when it expires
    data     BYTEA  NOT NULL
);
CREATE INDEX ticket_ended ON ticket (ended);

CREATE TABLE message (
    id       TEXT   NOT NULL PRIMARY KEY,
    version  BIGINT NOT NULL,
    channel  TEXT   NOT NULL,
    state    TEXT   NOT NULL,
    attempts BIGINT NOT NULL,
    made     BIGINT NOT NULL,
    due      BIGINT NOT NULL, -- 0: final
    ended    BIGINT NOT NULL, -- 0: not final
    data     BYTEA  NOT NULL
);
CREATE INDEX message_due ON message (due) WHERE due <> 0;
CREATE INDEX message_ended ON message (ended) WHERE due = 0;

-- One moment for each limit in use (see package limit). There is no index on it on purpose: it
-- changes with every event, and the sweep keeps the table small.
CREATE TABLE spent (
    key     TEXT   NOT NULL PRIMARY KEY,
    full_at BIGINT NOT NULL
);

CREATE TABLE lease (
    name    TEXT   NOT NULL PRIMARY KEY,
    holder  TEXT   NOT NULL,
    fence   BIGINT NOT NULL,
    expires BIGINT NOT NULL
);

-- The audit log. Rows are never deleted; place and personal are all that ever changes.
CREATE TABLE audit_record (
    pos      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- the order of insertion
    id       TEXT   NOT NULL UNIQUE,
    place    BIGINT NOT NULL, -- in the tree; -1: none yet
    at       BIGINT NOT NULL,
    kind     TEXT   NOT NULL,
    leaf     BYTEA  NOT NULL,
    personal BYTEA            -- NULL: erased, or there was none
);
CREATE UNIQUE INDEX audit_record_place ON audit_record (place) WHERE place >= 0;
CREATE INDEX audit_record_pending ON audit_record (pos) WHERE place < 0;

CREATE TABLE tree_head (
    one        BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    size       BIGINT NOT NULL,
    checkpoint TEXT   NOT NULL
);
INSERT INTO tree_head (one, size, checkpoint) VALUES (1, 0, '');

CREATE TABLE tree_hash (
    place BIGINT NOT NULL PRIMARY KEY, -- tlog's stored hash index
    hash  BYTEA  NOT NULL
);

-- The built-in directory. Lists are JSON arrays of strings.
CREATE TABLE local_account (
    id        TEXT    NOT NULL PRIMARY KEY,
    version   BIGINT  NOT NULL,
    login     TEXT    NOT NULL,
    login_key TEXT    NOT NULL UNIQUE,
    name      TEXT    NOT NULL,
    emails    TEXT    NOT NULL,
    phones    TEXT    NOT NULL,
    member_of TEXT    NOT NULL,
    password  TEXT    NOT NULL,
    disabled  BOOLEAN NOT NULL,
    failures  BIGINT  NOT NULL,
    locked_at BIGINT  NOT NULL,
    created   BIGINT  NOT NULL,
    changed   BIGINT  NOT NULL,
    must_change BOOLEAN NOT NULL DEFAULT FALSE -- the password was given to its owner, who has to change it
);

CREATE TABLE local_email (
    key     TEXT NOT NULL,
    account TEXT NOT NULL REFERENCES local_account (id) ON DELETE CASCADE,
    PRIMARY KEY (key, account)
);
CREATE INDEX local_email_account ON local_email (account);
