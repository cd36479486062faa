"""The migration that brings hashes of session keys, labels of one session alone, and their owner's word on them.

Of sessions from before only the addresses of their keys are known.
"""

LABELS = """
ALTER TABLE agents ADD COLUMN unique_labels boolean NOT NULL DEFAULT false;
ALTER TABLE sessions ADD COLUMN key_hash bytea CHECK (length(key_hash) = 32);
ALTER TABLE sessions ADD COLUMN sole boolean NOT NULL DEFAULT false;
CREATE UNIQUE INDEX sessions_key ON sessions (owner_id, key_hash) WHERE key_hash IS NOT NULL;
CREATE INDEX sessions_label ON sessions (owner_id, label, expires_at) WHERE label IS NOT NULL AND revoked_at IS NULL;
CREATE INDEX sessions_sole ON sessions (owner_id, label, expires_at) WHERE sole AND revoked_at IS NULL;
"""
