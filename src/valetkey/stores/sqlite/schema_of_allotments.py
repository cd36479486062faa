"""The migration that brings allotments: the accounts on Solana that owners keep for their sessions."""

ALLOTMENTS = """
CREATE TABLE allotments (
  session_id TEXT PRIMARY KEY REFERENCES sessions (id),
  owner_id TEXT NOT NULL REFERENCES agents (id),
  tree_id TEXT NOT NULL,
  chain_id INTEGER NOT NULL,
  owner TEXT NOT NULL,
  account TEXT NOT NULL,
  mint TEXT NOT NULL,
  units TEXT NOT NULL,
  revocation BLOB NOT NULL,
  made_at INTEGER NOT NULL,
  look_at INTEGER NOT NULL,
  seen TEXT,
  is_dead INTEGER NOT NULL,
  ended_at INTEGER,
  slot INTEGER,
  signature TEXT,
  lateness INTEGER
) STRICT;
CREATE INDEX allotments_due ON allotments (chain_id, look_at) WHERE ended_at IS NULL;
CREATE INDEX allotments_tree ON allotments (tree_id) WHERE ended_at IS NULL;
"""
