"""The migration that brings claims: ciphertext that whoever opens it first gets once."""

CLAIMS = """
CREATE TABLE claims (
  id TEXT PRIMARY KEY,
  owner_id TEXT NOT NULL REFERENCES agents (id),
  session_id TEXT NOT NULL REFERENCES sessions (id),
  access BLOB NOT NULL CHECK (length(access) = 32),
  digest BLOB NOT NULL CHECK (length(digest) = 32),
  expires_at INTEGER NOT NULL,
  on_interception TEXT NOT NULL,
  made_at INTEGER NOT NULL,
  state TEXT NOT NULL,
  sealed BLOB,
  claimant BLOB,
  claimed_at INTEGER,
  claimed_from TEXT,
  intercepted_at INTEGER,
  intercepted_from TEXT,
  ended_at INTEGER,
  tree_id TEXT NOT NULL,
  look_at INTEGER
) STRICT;
CREATE INDEX claims_due ON claims (look_at) WHERE look_at IS NOT NULL;
CREATE INDEX claims_unclaimed ON claims (session_id) WHERE state = 'unclaimed';
"""
