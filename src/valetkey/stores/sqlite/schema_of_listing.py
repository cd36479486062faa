"""The migration that lets an owner's sessions be listed and counted out of indexes, however many there are.

What a status comes from is beside the order of a list, so that no row is read which is not on the page.
`chain_id` is the one chain of a session, 0 for any, and nothing for several, which have to be looked for in its policy.
"""

LISTING = """
ALTER TABLE sessions ADD COLUMN chain_id INTEGER GENERATED ALWAYS AS (
  CASE WHEN NOT json_valid(policy) THEN -1 WHEN coalesce(json_type(policy, '$.allowed_chains'), 'null') = 'null' THEN 0
  WHEN json_array_length(policy, '$.allowed_chains') = 1 THEN json_extract(policy, '$.allowed_chains[0]') END
) VIRTUAL;
DROP INDEX sessions_newest;
CREATE INDEX sessions_newest ON sessions (
  owner_id, created_at, seq, parent_id, revoked_at, expires_at, paused_at, not_before, chain_id, id
);
CREATE INDEX sessions_named ON sessions (owner_id, label, created_at, seq) WHERE label IS NOT NULL;
CREATE INDEX spent_exhausted ON spent (session_id) WHERE exhausted = 1;
"""
