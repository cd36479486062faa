"""The migration that brings enrolments, and the keys that sessions prove their requests with.

An enrolment is nobody's until an owner uses it: its table is not by owner.
"""

ENROLLMENTS = """
CREATE TABLE enrollments (
  code text COLLATE "C" PRIMARY KEY,
  message text NOT NULL,
  signature bytea NOT NULL,
  proof_signature bytea NOT NULL,
  expires_at bigint NOT NULL,
  owner_id text COLLATE "C",
  session_id text COLLATE "C" UNIQUE,
  sealed bytea
);
CREATE INDEX enrollments_ends ON enrollments (expires_at);
CREATE INDEX enrollments_open ON enrollments (expires_at) WHERE session_id IS NULL;
ALTER TABLE sessions ADD COLUMN proof_key bytea CHECK (length(proof_key) = 32);
"""
