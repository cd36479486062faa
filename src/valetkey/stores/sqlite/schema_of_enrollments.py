"""The migration that brings enrolments, and the keys that sessions prove their requests with."""

ENROLLMENTS = """
CREATE TABLE enrollments (
  code TEXT PRIMARY KEY,
  message TEXT NOT NULL,
  signature BLOB NOT NULL,
  proof_signature BLOB NOT NULL,
  expires_at INTEGER NOT NULL,
  owner_id TEXT,
  session_id TEXT UNIQUE,
  sealed BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX enrollments_ends ON enrollments (expires_at);
CREATE INDEX enrollments_open ON enrollments (expires_at) WHERE session_id IS NULL;
ALTER TABLE sessions ADD COLUMN proof_key BLOB CHECK (length(proof_key) = 32);
"""
