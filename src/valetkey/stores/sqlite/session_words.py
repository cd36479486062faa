"""Sessions by a part of their label or delegate: three letters at a time, in an index, where that leaves few of them.

What is found so is a guess that leaves nothing out: whoever asks compares each one with what was looked for. Fewer than
three letters are in no index, and what very many have is found sooner by looking at the list itself.
"""

import apsw

from valetkey.stores.sqlite.statements import rows

LETTERS_MIN = 3
FOUND_MAX = 2_000

_FOUND = f"SELECT rowid FROM sessions_text WHERE sessions_text MATCH ? LIMIT {FOUND_MAX + 1}"  # noqa: S608 - ours


def guess(db: apsw.Connection, part_of_label: str | None, text: str | None) -> list[int] | None:
    """Numbers of all sessions, of every owner, that may have both; None where the list itself is to be looked at."""
    asked = []
    if part_of_label is not None and _is_known(part_of_label):
        asked.append(f"label : {_quoted(part_of_label)}")
    if text is not None and _is_known(text):
        asked.append(_quoted(text))
    if not asked:
        return None
    found = [one for (one,) in rows(db, _FOUND, " AND ".join(asked))]
    return found if len(found) <= FOUND_MAX else None


def _is_known(text: str) -> bool:
    return len(text) >= LETTERS_MIN and "\0" not in text


def _quoted(text: str) -> str:
    """One phrase, whatever is in it: no operator of FTS5 is ever meant."""
    return '"' + text.replace('"', '""') + '"'
