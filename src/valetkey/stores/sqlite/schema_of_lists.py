"""The migration that brings more to filter and sort a list of sessions by.

`rest` is `remaining_rank` in core/session.py, kept beside what was spent and copied when it changes, as `exhausted` is;
the lists' indexes hold it, and the currencies that a session has limits for (",USDC,ETH,"). Wallets are found by how
they begin.
"""

DECIMALS = "CASE json_extract(s.policy, '$.currency') {} ELSE 6 END".format(
    " ".join(
        f"WHEN '{currency}' THEN {decimals}"
        for currency, decimals in (("ETH", 18), ("DAI", 18), ("WETH", 18), ("POL", 18), ("SOL", 9))
    )
)

_LEFT = (
    "CAST(json_extract(s.policy, '$.budget') AS REAL) - json_extract(spent.figures, '$[1][0]')"
    " - json_extract(spent.figures, '$[1][1]')"
)
_LISTED = "role, delegate, revoked_at, expires_at, paused_at, exhausted, not_before, chains, rest, currencies"
_OTHERS = " || ".join(f"coalesce(json_extract(policy, '$.others[{n}][0]') || ',', '')" for n in range(8))

# S608: the parts of this script are constants of ours.
LISTS = f"""
ALTER TABLE spent ADD COLUMN rest INTEGER;
UPDATE spent SET rest = (
  SELECT CASE WHEN found.left IS NULL THEN NULL WHEN found.left <= 0 THEN 0 ELSE
    (CAST(substr(found.text, instr(found.text, 'e') + 1) AS INTEGER) + 19 - found.decimals) * 100
    + CAST(substr(found.text, 1, 1) || substr(found.text, 3, 1) AS INTEGER) END
  FROM (SELECT {_LEFT} AS left, printf('%.15e', {_LEFT}) AS text, {DECIMALS} AS decimals
    FROM sessions s WHERE s.id = spent.session_id AND json_valid(s.policy)) AS found);

ALTER TABLE sessions ADD COLUMN rest INTEGER;
UPDATE sessions SET rest = (SELECT rest FROM spent WHERE session_id = sessions.id);
ALTER TABLE sessions ADD COLUMN currencies TEXT
  GENERATED ALWAYS AS (CASE WHEN json_valid(policy)
    THEN ',' || json_extract(policy, '$.currency') || ',' || {_OTHERS} ELSE ',' END) VIRTUAL;
DROP TRIGGER spent_all;
DROP TRIGGER spent_all_at_once;
CREATE TRIGGER spent_all AFTER UPDATE ON spent
WHEN new.exhausted <> old.exhausted OR new.rest IS NOT old.rest BEGIN
  UPDATE sessions SET exhausted = new.exhausted, rest = new.rest WHERE id = new.session_id;
END;
CREATE TRIGGER spent_all_at_once AFTER INSERT ON spent WHEN new.exhausted = 1 OR new.rest IS NOT NULL BEGIN
  UPDATE sessions SET exhausted = new.exhausted, rest = new.rest WHERE id = new.session_id;
END;
DROP INDEX sessions_newest;
CREATE INDEX sessions_newest ON sessions (owner_id, created_at, seq, label, parent_id, {_LISTED});
DROP INDEX sessions_named;
CREATE INDEX sessions_named ON sessions (owner_id, label, created_at, seq, parent_id, {_LISTED})
  WHERE label IS NOT NULL;
CREATE INDEX sessions_wallet ON sessions (owner_id, wallet_address COLLATE NOCASE) WHERE wallet_address IS NOT NULL;
"""  # noqa: S608
