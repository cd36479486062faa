"""The tables, and how an older file becomes a newer one. Migrations are appended and never changed.

Amounts are decimal TEXT: they may exceed 63 bits, and SQLite must never make a REAL of one. Times are unix
seconds. Credentials are hashes. `waiting` is the reconciler's queue: apart from the transactions, and payloads
are the last columns there, because SQLite writes whole rows and reads them from the left.
"""

from valetkey.stores.sqlite.schema_of_alerts import ALERTS
from valetkey.stores.sqlite.schema_of_allotments import ALLOTMENTS
from valetkey.stores.sqlite.schema_of_claims import CLAIMS
from valetkey.stores.sqlite.schema_of_enrollments import ENROLLMENTS
from valetkey.stores.sqlite.schema_of_grants import GRANTS
from valetkey.stores.sqlite.schema_of_health import HEALTH
from valetkey.stores.sqlite.schema_of_labels import LABELS
from valetkey.stores.sqlite.schema_of_lists import LISTS

_FIRST = """
CREATE TABLE state (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  latest INTEGER NOT NULL
) STRICT;
INSERT INTO state VALUES (1, 0);

CREATE TABLE agents (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  developer_id TEXT NOT NULL,
  name TEXT NOT NULL,
  name_key TEXT NOT NULL UNIQUE,
  description TEXT NOT NULL,
  wallet_address TEXT NOT NULL COLLATE NOCASE UNIQUE,
  public_key BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL,
  frozen_at INTEGER,
  webhook_url TEXT,
  webhook_secret BLOB
) STRICT;
CREATE INDEX agents_newest ON agents (created_at, seq);
CREATE INDEX agents_seen ON agents (last_seen_at);
CREATE VIRTUAL TABLE agents_text USING fts5 (
  name, description, content = 'agents', content_rowid = 'seq', tokenize = 'unicode61 remove_diacritics 2');
CREATE TRIGGER agents_text_added AFTER INSERT ON agents BEGIN
  INSERT INTO agents_text (rowid, name, description) VALUES (new.seq, new.name, new.description);
END;

CREATE TABLE chains (
  id TEXT PRIMARY KEY,
  owner_id TEXT NOT NULL REFERENCES agents (id),
  number INTEGER NOT NULL,
  head BLOB NOT NULL,
  at INTEGER NOT NULL,
  anchored INTEGER NOT NULL DEFAULT 0,
  sessions INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX chains_owner ON chains (owner_id);
CREATE INDEX chains_ahead ON chains (owner_id, id) WHERE number > anchored AND id <> owner_id;

CREATE TABLE audit (
  seq INTEGER PRIMARY KEY,
  owner_id TEXT NOT NULL,
  chain_id TEXT NOT NULL,
  number INTEGER NOT NULL,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  session_id TEXT,
  body TEXT NOT NULL,
  hash BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX audit_chain ON audit (chain_id, number);
CREATE INDEX audit_owner ON audit (owner_id, seq);

CREATE TABLE sessions (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  owner_id TEXT NOT NULL REFERENCES agents (id),
  tree_id TEXT NOT NULL REFERENCES chains (id),
  parent_id TEXT,
  depth INTEGER NOT NULL,
  role TEXT NOT NULL,
  policy TEXT NOT NULL,
  policy_version INTEGER NOT NULL,
  not_before INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  revoked_at INTEGER,
  paused_at INTEGER,
  successor_id TEXT,
  carried INTEGER NOT NULL,
  alias TEXT NOT NULL UNIQUE,
  wallet_address TEXT,
  e2e_public_key BLOB,
  label TEXT,
  delegate TEXT,
  recovery BLOB
) STRICT;
CREATE INDEX sessions_newest ON sessions (owner_id, created_at, seq);
CREATE INDEX sessions_tree ON sessions (tree_id, seq);
CREATE INDEX sessions_living ON sessions (owner_id, seq) WHERE revoked_at IS NULL;

CREATE TABLE spent (
  session_id TEXT PRIMARY KEY REFERENCES sessions (id),
  figures TEXT NOT NULL,
  exhausted INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE credentials (
  hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
  agent_id TEXT REFERENCES agents (id),
  session_id TEXT REFERENCES sessions (id),
  CHECK ((agent_id IS NULL) <> (session_id IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE used_once (key BLOB PRIMARY KEY, expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX used_once_expiry ON used_once (expires_at);

CREATE TABLE services (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  agent_id TEXT NOT NULL REFERENCES agents (id),
  title TEXT NOT NULL,
  description TEXT NOT NULL,
  category TEXT NOT NULL,
  price TEXT NOT NULL,
  price_rank TEXT NOT NULL,
  price_unit TEXT NOT NULL,
  currency TEXT NOT NULL,
  decimals INTEGER NOT NULL,
  delivery_type TEXT NOT NULL,
  callback_required INTEGER NOT NULL,
  endpoint_url TEXT,
  network TEXT NOT NULL,
  status TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  rating_hundredths INTEGER,
  rating_count INTEGER NOT NULL,
  responses INTEGER NOT NULL,
  response_ms INTEGER NOT NULL,
  avg_response_ms INTEGER GENERATED ALWAYS AS (response_ms / nullif(responses, 0)) VIRTUAL,
  completed INTEGER NOT NULL
) STRICT;
CREATE INDEX services_newest ON services (created_at, seq) WHERE status = 'active';
CREATE INDEX services_price ON services (price_rank, seq) WHERE status = 'active';
CREATE INDEX services_category ON services (category) WHERE status = 'active';
CREATE INDEX services_agent ON services (agent_id, category) WHERE status = 'active';
CREATE VIRTUAL TABLE services_text USING fts5 (
  title, description, content = 'services', content_rowid = 'seq', tokenize = 'unicode61 remove_diacritics 2');
CREATE TRIGGER services_text_added AFTER INSERT ON services BEGIN
  INSERT INTO services_text (rowid, title, description) VALUES (new.seq, new.title, new.description);
END;
CREATE TRIGGER services_text_changed AFTER UPDATE OF title, description ON services BEGIN
  INSERT INTO services_text (services_text, rowid, title, description)
    VALUES ('delete', old.seq, old.title, old.description);
  INSERT INTO services_text (rowid, title, description) VALUES (new.seq, new.title, new.description);
END;

CREATE TABLE holds (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  owner_id TEXT NOT NULL,
  session_id TEXT NOT NULL REFERENCES sessions (id),
  request TEXT NOT NULL,
  amount TEXT NOT NULL,
  state TEXT NOT NULL,
  placed_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  captured TEXT NOT NULL,
  refunded TEXT NOT NULL,
  settled_at INTEGER,
  debits TEXT,
  terms INTEGER NOT NULL,
  lapses INTEGER NOT NULL,
  look_at INTEGER,
  note TEXT,
  reference TEXT,
  payload BLOB
) STRICT;
CREATE INDEX holds_session ON holds (session_id, seq);
CREATE INDEX holds_owner ON holds (owner_id, seq);
CREATE INDEX holds_undecided ON holds (session_id, request) WHERE state IN ('pending_approval', 'approved');
CREATE INDEX holds_pending ON holds (owner_id, seq) WHERE state = 'pending_approval';
CREATE INDEX holds_lapsing ON holds (expires_at) WHERE lapses = 1;
CREATE INDEX holds_unknown ON holds (placed_at) WHERE state = 'unknown';
CREATE INDEX holds_unproven ON holds (look_at) WHERE look_at IS NOT NULL;

CREATE TABLE transactions (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  service_id TEXT NOT NULL REFERENCES services (id),
  buyer_id TEXT NOT NULL REFERENCES agents (id),
  buyer_alias TEXT NOT NULL,
  buyer_address TEXT NOT NULL,
  seller_id TEXT NOT NULL REFERENCES agents (id),
  seller_address TEXT NOT NULL,
  session_id TEXT REFERENCES sessions (id),
  hold_id TEXT,
  quantity INTEGER NOT NULL,
  unit_price TEXT NOT NULL,
  subtotal TEXT NOT NULL,
  platform_fee TEXT NOT NULL,
  total_units TEXT NOT NULL,
  currency TEXT NOT NULL,
  chain_id INTEGER NOT NULL,
  token_address TEXT NOT NULL,
  decimals INTEGER NOT NULL,
  network TEXT NOT NULL,
  escrow_address TEXT NOT NULL,
  payment_method TEXT NOT NULL,
  checkout_ends_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  status TEXT NOT NULL,
  payment_status TEXT NOT NULL,
  escrow_tx_hash TEXT COLLATE NOCASE UNIQUE,
  callback_url TEXT,
  delivery_proof TEXT,
  delivered_at INTEGER,
  completed_at INTEGER,
  dispute_reason TEXT,
  disputed_at INTEGER,
  dispute_outcome INTEGER,
  buyer_percent INTEGER,
  dispute_window INTEGER NOT NULL,
  abandonment_grace INTEGER NOT NULL,
  criteria_hash TEXT,
  funded_at INTEGER,
  request_payload BLOB,
  response_payload BLOB
) STRICT;
CREATE INDEX transactions_buyer ON transactions (buyer_id, seq);
CREATE INDEX transactions_seller ON transactions (seller_id, seq);
CREATE INDEX transactions_buyer_status ON transactions (buyer_id, status, seq);
CREATE INDEX transactions_seller_status ON transactions (seller_id, status, seq);
CREATE INDEX transactions_self ON transactions (buyer_id, status) WHERE buyer_id = seller_id;
CREATE INDEX transactions_session ON transactions (session_id, seq);
CREATE INDEX transactions_hold ON transactions (hold_id) WHERE hold_id IS NOT NULL;
CREATE INDEX transactions_service ON transactions (service_id, seller_id, status);
CREATE INDEX transactions_completed ON transactions (completed_at, currency, total_units)
  WHERE status = 'completed';

CREATE TABLE waiting (
  seq INTEGER PRIMARY KEY REFERENCES transactions (seq),
  buyer_id TEXT NOT NULL,
  queue TEXT NOT NULL CHECK (queue IN ('signed', 'pending', 'ended', 'unsettled')),
  look_at INTEGER NOT NULL,
  checkout_ends_at INTEGER NOT NULL
) STRICT;
CREATE INDEX waiting_due ON waiting (queue, look_at, seq, checkout_ends_at);
CREATE INDEX waiting_watched ON waiting (checkout_ends_at) WHERE queue = 'ended';
CREATE TABLE crowds (
  buyer_id TEXT NOT NULL,
  queue TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (buyer_id, queue)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER crowds_entered AFTER INSERT ON waiting BEGIN
  INSERT INTO crowds VALUES (new.buyer_id, new.queue, 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER crowds_moved AFTER UPDATE OF queue ON waiting WHEN old.queue <> new.queue BEGIN
  UPDATE crowds SET count = count - 1 WHERE buyer_id = old.buyer_id AND queue = old.queue;
  INSERT INTO crowds VALUES (new.buyer_id, new.queue, 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER crowds_left AFTER DELETE ON waiting BEGIN
  UPDATE crowds SET count = count - 1 WHERE buyer_id = old.buyer_id AND queue = old.queue;
END;

CREATE TABLE idempotency (
  scope TEXT NOT NULL,
  key TEXT NOT NULL,
  fingerprint BLOB NOT NULL,
  subject TEXT,
  status INTEGER,
  answer BLOB,
  PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE evidence (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  transaction_id TEXT NOT NULL REFERENCES transactions (id),
  submitted_by TEXT NOT NULL REFERENCES agents (id),
  evidence_type TEXT NOT NULL,
  description TEXT NOT NULL,
  content_hash TEXT,
  ipfs_hash TEXT,
  metadata BLOB,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX evidence_transaction ON evidence (transaction_id, seq);

CREATE TABLE events (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  agent_id TEXT NOT NULL REFERENCES agents (id),
  transaction_id TEXT NOT NULL,
  name TEXT NOT NULL,
  url TEXT NOT NULL,
  body BLOB NOT NULL,
  queued_at INTEGER NOT NULL,
  due_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  state TEXT NOT NULL DEFAULT 'waiting',
  http_status INTEGER,
  reason TEXT,
  ended_at INTEGER
) STRICT;
CREATE INDEX events_due ON events (due_at, seq) WHERE state = 'waiting';
"""

# Keys from before have neither an id nor a name, and may do everything as they always did.
_KEYS = """
CREATE TABLE api_keys (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  owner_id TEXT NOT NULL REFERENCES agents (id),
  hash BLOB NOT NULL UNIQUE,
  name TEXT NOT NULL,
  scopes TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER,
  last_used_at INTEGER
) STRICT;
CREATE INDEX api_keys_owner ON api_keys (owner_id, seq);
CREATE INDEX api_keys_living ON api_keys (owner_id, seq) WHERE revoked_at IS NULL;
INSERT INTO api_keys (id, owner_id, hash, name, scopes, created_at)
  SELECT 'key_' || lower(hex(randomblob(16))), c.agent_id, c.hash, 'registration', 'full', a.created_at
  FROM credentials c JOIN agents a ON a.id = c.agent_id ORDER BY a.seq;

CREATE TABLE credentials_new (
  hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
  key_id TEXT REFERENCES api_keys (id),
  session_id TEXT REFERENCES sessions (id),
  CHECK ((key_id IS NULL) <> (session_id IS NULL))
) STRICT, WITHOUT ROWID;
INSERT INTO credentials_new (hash, key_id, session_id)
  SELECT c.hash, k.id, c.session_id FROM credentials c LEFT JOIN api_keys k ON k.hash = c.hash;
DROP TABLE credentials;
ALTER TABLE credentials_new RENAME TO credentials;
"""

MIGRATIONS = (_FIRST, _KEYS, GRANTS, LABELS, ALLOTMENTS, ENROLLMENTS, CLAIMS, ALERTS, LISTS, HEALTH)
"""The n-th makes version n out of version n - 1."""
