"""Looking for words. What people type is never parsed as a query language: each word becomes a quoted lexeme.

The words are made here, not by a dictionary of the database's, so that every installation finds the same.
"""

import unicodedata

TERMS_MAX = 16

_LEXEME_CHARS_MAX = 200
_WORDS_MAX = 8_000

NOTHING = ""
"""A query that matches no row."""


def vector(*texts: str) -> str:
    """The tsvector of some texts, as text: their words in order, a gap between two texts."""
    places: dict[str, list[int]] = {}
    place = 0
    for text in texts:
        for word in words(text):
            place += 1
            if place <= _WORDS_MAX and len(found := places.setdefault(word, [])) < 200:
                found.append(place)
        place += 1
    return " ".join(f"{_quoted(word)}:{','.join(map(str, found))}" for word, found in places.items())


def match(text: str) -> str | None:
    """The tsquery for every word of a text, the last one as a beginning; None when there is nothing to look for.

    What marks separate within a word stands side by side. Marks alone match nothing.
    """
    if not text.strip():
        return None
    terms = [term for word in text.split() if (term := words(word))][:TERMS_MAX]
    if not terms:
        return NOTHING
    phrases = [" <-> ".join(map(_quoted, term)) for term in terms]
    return " & ".join(f"({phrase})" for phrase in [*phrases[:-1], f"{phrases[-1]}:*"])


def words(text: str) -> list[str]:
    """The words of a text: runs of letters and digits, without accents, in one case."""
    plain = "".join(
        sign
        for sign in unicodedata.normalize("NFKD", text.replace("\0", ""))
        if not unicodedata.combining(sign)
    ).casefold()
    return [word[:_LEXEME_CHARS_MAX] for word in _runs(plain)]


def _runs(text: str) -> list[str]:
    return "".join(sign if sign.isalnum() else " " for sign in text).split()


def _quoted(word: str) -> str:
    return f"'{word}'"
