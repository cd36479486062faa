"""The migration that brings what a list tells of a session's health.

Refusals are counted by minutes: one of 64 slots of a session each, so that a session has no more rows however often it
is refused, and nothing needs to be swept. A slot that is older than its minute begins anew.
"""

HEALTH = """
CREATE TABLE refused_minutes (
  owner_id text COLLATE "C" NOT NULL,
  session_id text COLLATE "C" NOT NULL,
  slot integer NOT NULL,
  minute bigint NOT NULL,
  count integer NOT NULL,
  PRIMARY KEY (owner_id, session_id, slot)
) WITH (fillfactor = 50);
CREATE INDEX refused_lately ON refused_minutes (owner_id, minute);
CREATE INDEX holds_unknown_session ON holds (owner_id, session_id, placed_at) WHERE state = 'unknown';
"""
