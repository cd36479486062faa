"""The migration that brings what a list tells of a session's health, and sums of what is at risk.

Refusals are counted by minutes: one of 64 slots of a session each, so that a session has no more rows however often it
is refused, and nothing needs to be swept. A slot that is older than its minute begins anew.

What stores/risks.py keeps of a session stands beside what it spent. Its units change with what is captured and are in
no index, so that a spend still writes none. Sessions of several currencies from before have no `odd` yet, and are
looked at one by one until they spend.
"""

_MAIN = "((u.figures::jsonb #>> '{1,0}')::numeric + (u.figures::jsonb #>> '{1,1}')::numeric)"
_NEAR = " OR ".join(
    f"coalesce(((u.figures::jsonb #>> '{{{n + 2},0}}')::numeric + (u.figures::jsonb #>> '{{{n + 2},1}}')::numeric)"
    f" * 100 >= 80 * (s.policy::jsonb #>> '{{others,{n},1}}')::numeric, false)"
    for n in range(8)
)
# `greatest` passes over NULL: what has no budget would have nothing at risk.
_LOSS = (
    "(CASE WHEN s.policy::jsonb ->> 'budget' IS NOT NULL THEN"
    f" greatest((s.policy::jsonb ->> 'budget')::numeric - {_MAIN}, 0) + (u.figures::jsonb #>> '{{1,0}}')::numeric END)"
)

# S608: the parts of this script are constants of ours.
HEALTH = f"""
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

ALTER TABLE spent ADD COLUMN ends bigint, ADD COLUMN near boolean NOT NULL DEFAULT false,
  ADD COLUMN currency text, ADD COLUMN units numeric, ADD COLUMN odd text;
UPDATE spent SET ends = k.ends, near = k.near, currency = k.currency,
  units = CASE WHEN k.currency = '*' THEN NULL ELSE k.units END
  FROM (SELECT s.owner_id, s.id, CASE WHEN s.revoked_at IS NULL THEN s.expires_at END AS ends,
    coalesce({_MAIN} * 100 >= 80 * (s.policy::jsonb ->> 'budget')::numeric, false) OR {_NEAR} AS near,
    CASE WHEN s.parent_id IS NULL AND s.revoked_at IS NULL AND s.role = 'buyer' THEN
      CASE WHEN jsonb_array_length(coalesce(nullif(s.policy::jsonb -> 'others', 'null'), '[]')) > 0
        OR {_LOSS} > 1000000000000000000000 THEN '*' ELSE s.policy::jsonb ->> 'currency' END END AS currency,
    CASE WHEN s.parent_id IS NULL AND s.revoked_at IS NULL AND s.role = 'buyer' THEN {_LOSS} END AS units
    FROM sessions s JOIN spent u ON u.owner_id = s.owner_id AND u.session_id = s.id) AS k
  WHERE spent.owner_id = k.owner_id AND spent.session_id = k.id;
CREATE INDEX spent_at_risk ON spent (owner_id, ends) WHERE currency IS NOT NULL;
CREATE INDEX spent_near ON spent (owner_id, ends) WHERE near;
"""  # noqa: S608
