"""The migration that brings lists of very many sessions: what they are filtered and sorted by is in their indexes.

`exhausted` and `rest` (`remaining_rank` in core/session.py) follow from what was spent, and are kept beside a session
too: they change seldom. The chains of a policy (",1,8453,", NULL for every one) and the currencies that it has limits
for (",USDC,ETH,") are columns that follow from it.
"""

_LEFT = (
    "(s.policy::jsonb ->> 'budget')::numeric - (u.figures::jsonb #>> '{1,0}')::numeric"
    " - (u.figures::jsonb #>> '{1,1}')::numeric"
)
_DECIMALS = (
    "CASE s.policy::jsonb ->> 'currency' WHEN 'ETH' THEN 18 WHEN 'DAI' THEN 18 WHEN 'WETH' THEN 18 WHEN 'POL' THEN 18"
    " WHEN 'SOL' THEN 9 ELSE 6 END"
)
_LISTED = (
    "id, label, parent_id, role, delegate, revoked_at, expires_at, paused_at, exhausted, not_before, chains, rest,"
    " currencies"
)
_OTHERS = " || ".join(f"coalesce((policy::jsonb #>> '{{others,{n},0}}') || ',', '')" for n in range(8))

# S608: the parts of this script are constants of ours.
LISTS = f"""
ALTER TABLE spent ADD COLUMN rest integer;
UPDATE spent SET rest = found.rest FROM (
  SELECT w.owner_id, w.id, CASE WHEN w.left_over <= 0 THEN 0 ELSE
    (length(w.left_over::text) + 18 - w.decimals) * 100 + rpad(substr(w.left_over::text, 1, 2), 2, '0')::integer END
    AS rest
  FROM (SELECT s.owner_id, s.id, {_LEFT} AS left_over, {_DECIMALS} AS decimals
    FROM sessions s JOIN spent u ON u.owner_id = s.owner_id AND u.session_id = s.id) AS w) AS found
  WHERE spent.owner_id = found.owner_id AND spent.session_id = found.id;

ALTER TABLE sessions ADD COLUMN exhausted boolean NOT NULL DEFAULT false;
ALTER TABLE sessions ADD COLUMN rest integer;
UPDATE sessions SET exhausted = u.exhausted, rest = u.rest FROM spent u
  WHERE u.owner_id = sessions.owner_id AND u.session_id = sessions.id;
ALTER TABLE sessions ADD COLUMN chains text GENERATED ALWAYS AS
  (',' || translate(policy::jsonb ->> 'allowed_chains', '[] ', '') || ',') STORED;
ALTER TABLE sessions ADD COLUMN currencies text NOT NULL GENERATED ALWAYS AS
  (',' || (policy::jsonb ->> 'currency') || ',' || {_OTHERS}) STORED;
DROP INDEX sessions_newest;
CREATE INDEX sessions_newest ON sessions (owner_id, created_at, seq) INCLUDE ({_LISTED});
CREATE INDEX sessions_named ON sessions (owner_id, label, created_at, seq) INCLUDE ({_LISTED.replace(" label,", "")})
  WHERE label IS NOT NULL;
CREATE INDEX sessions_children ON sessions (owner_id, parent_id, seq) WHERE parent_id IS NOT NULL;
CREATE INDEX sessions_wallet ON sessions (owner_id, (lower(wallet_address COLLATE "C") COLLATE "C"));
"""  # noqa: S608
