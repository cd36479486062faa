"""The migration that brings what a list tells of a session's health.

Refusals are counted by minutes: one of 64 slots of a session each, so that a session has no more rows however often it
is refused, and nothing needs to be swept. A slot that is older than its minute begins anew.
"""

HEALTH = """
CREATE TABLE refused_minutes (
  session_id TEXT NOT NULL,
  slot INTEGER NOT NULL,
  owner_id TEXT NOT NULL,
  minute INTEGER NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (session_id, slot)
) STRICT, WITHOUT ROWID;
CREATE INDEX refused_lately ON refused_minutes (owner_id, minute);
CREATE INDEX holds_unknown_session ON holds (session_id, placed_at) WHERE state = 'unknown';
"""
