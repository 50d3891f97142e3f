-- Former passwords, as sealed hashes: the newest few of each person.
CREATE TABLE password_history (
    id        TEXT   NOT NULL PRIMARY KEY,
    directory TEXT   NOT NULL,
    account   TEXT   NOT NULL CHECK (account <> ''),
    at        BIGINT NOT NULL,
    data      BYTEA  NOT NULL
);
CREATE INDEX password_history_account ON password_history (directory, account, at);
