-- A password at first, which its owner has to change.
ALTER TABLE local_account ADD COLUMN must_change BOOLEAN NOT NULL DEFAULT FALSE;
