"""The migration that brings alerts, and tallies of what sessions spent.

`warned_for` is the end that a session's owner was warned of: whoever is to be warned is found in an index that holds
nobody else. Nobody is warned of what had ended before. Units of a tally are two numbers, because one that holds every
amount would be no integer of SQLite's: `high` counts thousands of millions of millions (10^15) of them, `low` the rest.
What is new of a tally (`fresh`) is folded into days, by delegate, label and chain: the rest is folded already.
"""

ALERTS = """
CREATE TABLE alerts (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  owner_id TEXT NOT NULL REFERENCES agents (id),
  session_id TEXT NOT NULL REFERENCES sessions (id),
  kind TEXT NOT NULL,
  occasion TEXT NOT NULL,
  raised_at INTEGER NOT NULL,
  facts TEXT NOT NULL,
  acknowledged_at INTEGER,
  acknowledged_by TEXT
) STRICT;
CREATE UNIQUE INDEX alerts_once ON alerts (session_id, kind, occasion);
CREATE INDEX alerts_newest ON alerts (owner_id, seq);
CREATE INDEX alerts_kind ON alerts (owner_id, kind, seq);
CREATE INDEX alerts_session ON alerts (session_id, seq);
CREATE INDEX alerts_open ON alerts (owner_id, seq) WHERE acknowledged_at IS NULL;

ALTER TABLE sessions ADD COLUMN warned_for INTEGER NOT NULL DEFAULT 0;
UPDATE sessions SET warned_for = expires_at WHERE revoked_at IS NOT NULL OR expires_at <= unixepoch();
ALTER TABLE sessions ADD COLUMN warn_at INTEGER GENERATED ALWAYS AS
  (expires_at - min((expires_at - max(created_at, not_before)) / 10, 3600)) VIRTUAL;
CREATE INDEX sessions_warned ON sessions (warn_at) WHERE revoked_at IS NULL AND warned_for <> expires_at;

CREATE TABLE tallies (
  session_id TEXT NOT NULL,
  bucket INTEGER NOT NULL,
  currency TEXT NOT NULL,
  chain_id INTEGER NOT NULL,
  high INTEGER NOT NULL,
  low INTEGER NOT NULL,
  spends INTEGER NOT NULL,
  fresh INTEGER NOT NULL,
  folded_high INTEGER NOT NULL DEFAULT 0,
  folded_low INTEGER NOT NULL DEFAULT 0,
  folded_spends INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (session_id, bucket, currency, chain_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX tallies_fresh ON tallies (session_id) WHERE fresh = 1;

CREATE TABLE spent_days (
  owner_id TEXT NOT NULL,
  part TEXT NOT NULL,
  day INTEGER NOT NULL,
  name TEXT NOT NULL,
  currency TEXT NOT NULL,
  high INTEGER NOT NULL,
  low INTEGER NOT NULL,
  spends INTEGER NOT NULL,
  PRIMARY KEY (owner_id, part, day, name, currency)
) STRICT, WITHOUT ROWID;
CREATE TABLE refused_days (
  owner_id TEXT NOT NULL,
  day INTEGER NOT NULL,
  code TEXT NOT NULL,
  session_id TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (owner_id, day, code, session_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_ending ON sessions (owner_id, expires_at) WHERE revoked_at IS NULL AND successor_id IS NULL;
CREATE INDEX holds_unknown_of ON holds (owner_id, placed_at) WHERE state = 'unknown';
"""
