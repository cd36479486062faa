"""The migration that brings what a list tells of a session's health, sums of what is at risk, and quick lists.

Refusals are counted by minutes: one of 64 slots of a session each, so that a session has no more rows however often it
is refused, and nothing needs to be swept. A slot that is older than its minute begins anew.

What stores/risks.py keeps of a session stands beside what it spent, in an index that is read without a row: `high` are
thousands of millions of base units, `low` the rest. Of sessions from before, those that SQL cannot add up exactly have
no `odd` yet and are looked at one by one, until they spend.

Lists are read in the order of an index, which holds what makes a status, and labels and delegates are found by three
letters at a time.
"""

_MAIN = "json_extract(spent.figures, '$[1][0]') + json_extract(spent.figures, '$[1][1]')"
_NEAR = " OR ".join(
    f"coalesce((json_extract(spent.figures, '$[{n + 2}][0]') + json_extract(spent.figures, '$[{n + 2}][1]')) * 100"
    f" >= 80 * json_extract(s.policy, '$.others[{n}][1]'), 0)"
    for n in range(8)
)
_LOSS = (
    "max(json_extract(s.policy, '$.budget') - json_extract(spent.figures, '$[1][0]')"
    " - json_extract(spent.figures, '$[1][1]'), 0) + json_extract(spent.figures, '$[1][0]')"
)
_STATUS = "parent_id, revoked_at, paused_at, exhausted, not_before"

# S608: the parts of this script are constants of ours.
HEALTH = f"""
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

ALTER TABLE spent ADD COLUMN owner TEXT;
ALTER TABLE spent ADD COLUMN ends INTEGER;
ALTER TABLE spent ADD COLUMN near INTEGER NOT NULL DEFAULT 0;
ALTER TABLE spent ADD COLUMN currency TEXT;
ALTER TABLE spent ADD COLUMN high INTEGER;
ALTER TABLE spent ADD COLUMN low INTEGER;
ALTER TABLE spent ADD COLUMN odd TEXT;
UPDATE spent SET owner = s.owner_id, ends = iif(s.revoked_at IS NULL, s.expires_at, NULL)
  FROM sessions s WHERE s.id = spent.session_id;
UPDATE spent SET near = coalesce(({_MAIN}) * 100 >= 80 * json_extract(s.policy, '$.budget'), 0) OR {_NEAR}
  FROM sessions s WHERE s.id = spent.session_id AND json_valid(s.policy);
UPDATE spent SET currency = iif(json_array_length(s.policy, '$.others') > 0 OR typeof({_LOSS}) = 'real', '*',
    json_extract(s.policy, '$.currency')),
  high = iif(typeof({_LOSS}) = 'integer', ({_LOSS}) / 1000000000, NULL),
  low = iif(typeof({_LOSS}) = 'integer', ({_LOSS}) % 1000000000, NULL)
  FROM sessions s WHERE s.id = spent.session_id AND json_valid(s.policy)
  AND s.parent_id IS NULL AND s.revoked_at IS NULL AND s.role = 'buyer';
UPDATE spent SET high = NULL, low = NULL WHERE currency = '*';
CREATE INDEX spent_at_risk ON spent (owner, currency, ends, high, low, odd) WHERE currency IS NOT NULL;
CREATE INDEX spent_days_most ON spent_days (owner_id, part, day, currency, high DESC, low DESC, name);
CREATE INDEX spent_near ON spent (owner, ends) WHERE near = 1;

CREATE INDEX sessions_roots ON sessions (owner_id, expires_at, paused_at, exhausted, not_before, revoked_at, parent_id)
  WHERE parent_id IS NULL AND revoked_at IS NULL;
CREATE INDEX sessions_revoked ON sessions (owner_id) WHERE parent_id IS NULL AND revoked_at IS NOT NULL;
CREATE INDEX sessions_by_end ON sessions (owner_id, expires_at, seq, {_STATUS});
CREATE INDEX sessions_by_label ON sessions (owner_id, label IS NULL, label, seq, expires_at, {_STATUS});
CREATE INDEX sessions_by_rest ON sessions (owner_id, rest IS NULL, rest, seq, expires_at, {_STATUS});

CREATE VIRTUAL TABLE sessions_text USING fts5 (
  label, delegate, content = 'sessions', content_rowid = 'seq', tokenize = 'trigram');
CREATE TRIGGER sessions_text_added AFTER INSERT ON sessions BEGIN
  INSERT INTO sessions_text (rowid, label, delegate) VALUES (new.seq, new.label, new.delegate);
END;
CREATE TRIGGER sessions_text_changed AFTER UPDATE OF label, delegate ON sessions BEGIN
  INSERT INTO sessions_text (sessions_text, rowid, label, delegate)
    VALUES ('delete', old.seq, old.label, old.delegate);
  INSERT INTO sessions_text (rowid, label, delegate) VALUES (new.seq, new.label, new.delegate);
END;
INSERT INTO sessions_text (sessions_text) VALUES ('rebuild');
"""  # noqa: S608
