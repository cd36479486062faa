"""The migration that brings hashes of session keys, labels of one session alone, and lists of very many sessions.

Of sessions from before only the addresses of their keys are known. What a list is filtered by is in the index that it
is read from, in the order in which it is shown: a hundred thousand rows are looked through without reading one. So the
chains of a policy are a column of their own (",1,8453,", NULL for every one), and whether a session has spent all is
kept beside it, too: that changes seldom.
"""

LABELS = """
ALTER TABLE agents ADD COLUMN unique_labels INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN key_hash BLOB CHECK (length(key_hash) = 32);
ALTER TABLE sessions ADD COLUMN sole INTEGER NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX sessions_key ON sessions (owner_id, key_hash) WHERE key_hash IS NOT NULL;
CREATE INDEX sessions_label ON sessions (owner_id, label, expires_at) WHERE label IS NOT NULL AND revoked_at IS NULL;
CREATE INDEX sessions_sole ON sessions (owner_id, label, expires_at) WHERE sole = 1 AND revoked_at IS NULL;

ALTER TABLE sessions ADD COLUMN exhausted INTEGER NOT NULL DEFAULT 0;
UPDATE sessions SET exhausted = 1 WHERE id IN (SELECT session_id FROM spent WHERE exhausted = 1);
CREATE TRIGGER spent_all AFTER UPDATE OF exhausted ON spent WHEN new.exhausted <> old.exhausted BEGIN
  UPDATE sessions SET exhausted = new.exhausted WHERE id = new.session_id;
END;
CREATE TRIGGER spent_all_at_once AFTER INSERT ON spent WHEN new.exhausted = 1 BEGIN
  UPDATE sessions SET exhausted = 1 WHERE id = new.session_id;
END;
ALTER TABLE sessions ADD COLUMN chains TEXT
  GENERATED ALWAYS AS (CASE WHEN json_valid(policy)
    THEN ',' || trim(json_extract(policy, '$.allowed_chains'), '[]') || ',' ELSE ',' END) VIRTUAL;
DROP INDEX sessions_newest;
CREATE INDEX sessions_newest ON sessions (owner_id, created_at, seq,
  label, parent_id, role, delegate, revoked_at, expires_at, paused_at, exhausted, not_before, chains);
CREATE INDEX sessions_named ON sessions (owner_id, label, created_at, seq,
  parent_id, role, delegate, revoked_at, expires_at, paused_at, exhausted, not_before, chains) WHERE label IS NOT NULL;
CREATE INDEX sessions_children ON sessions (
  owner_id, parent_id, seq, id, revoked_at, expires_at, paused_at, exhausted, not_before) WHERE parent_id IS NOT NULL;
"""
