"""The migration that brings grants, what a relayer sends, and how far chains were followed.

Sessions from before pay with their wallets.
"""

GRANTS = """
ALTER TABLE sessions ADD COLUMN funding TEXT NOT NULL DEFAULT 'wallet';
ALTER TABLE transactions ADD COLUMN session_key TEXT;
CREATE INDEX holds_reference ON holds (session_id, reference) WHERE reference IS NOT NULL;
CREATE INDEX transactions_unnamed ON transactions (session_id, seq) WHERE escrow_tx_hash IS NULL;

CREATE TABLE grants (
  seq INTEGER PRIMARY KEY,
  chain_id INTEGER NOT NULL,
  id BLOB NOT NULL CHECK (length(id) = 32),
  contract TEXT NOT NULL,
  session_id TEXT NOT NULL REFERENCES sessions (id),
  owner_id TEXT NOT NULL REFERENCES agents (id),
  account TEXT NOT NULL,
  tree_id TEXT NOT NULL,
  body TEXT NOT NULL,
  signature BLOB NOT NULL,
  revocation BLOB NOT NULL,
  made_at INTEGER NOT NULL,
  stopped_at INTEGER,
  known_at INTEGER,
  revoked_at INTEGER,
  UNIQUE (chain_id, id)
) STRICT;
CREATE INDEX grants_session ON grants (session_id, chain_id, seq);
CREATE INDEX grants_owner ON grants (owner_id, seq);
CREATE INDEX grants_account ON grants (chain_id, account) WHERE revoked_at IS NULL;
CREATE INDEX grants_unstopped ON grants (tree_id) WHERE stopped_at IS NULL;
CREATE INDEX grants_to_revoke ON grants (chain_id, stopped_at, seq) WHERE stopped_at IS NOT NULL AND revoked_at IS NULL;

CREATE TABLE relayers (
  chain_id INTEGER NOT NULL,
  sender TEXT NOT NULL,
  next_nonce INTEGER NOT NULL,
  PRIMARY KEY (chain_id, sender)
) STRICT, WITHOUT ROWID;
CREATE TABLE relays (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  chain_id INTEGER NOT NULL,
  sender TEXT NOT NULL,
  purpose TEXT NOT NULL,
  owner_id TEXT NOT NULL,
  session_id TEXT,
  target TEXT NOT NULL,
  data BLOB NOT NULL,
  gas INTEGER NOT NULL,
  cost_max TEXT NOT NULL,
  made_at INTEGER NOT NULL,
  until INTEGER,
  needs TEXT,
  state TEXT NOT NULL,
  nonce INTEGER,
  raw BLOB,
  hashes TEXT NOT NULL,
  signed_at INTEGER,
  block INTEGER,
  cost TEXT,
  reason TEXT
) STRICT;
CREATE UNIQUE INDEX relays_nonce ON relays (chain_id, sender, nonce) WHERE nonce IS NOT NULL;
CREATE INDEX relays_purpose ON relays (purpose, chain_id, sender, seq);
CREATE INDEX relays_open ON relays (chain_id, sender, seq) WHERE state IN ('queued', 'signed');
CREATE INDEX relays_spent ON relays (chain_id, sender, made_at, owner_id);

CREATE TABLE counted (subject TEXT PRIMARY KEY, event TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE followed (
  chain_id INTEGER NOT NULL,
  contract TEXT NOT NULL,
  number INTEGER NOT NULL,
  hash BLOB NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (chain_id, contract)
) STRICT, WITHOUT ROWID;
"""
