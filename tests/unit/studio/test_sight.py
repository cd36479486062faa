"""What is seen stands in the URL, and a URL that was tampered with shows something that can be meant."""

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valetkey.studio.sight import ASSETS, COLUMNS, SIZES, SORTS, STATUSES, Sight

TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)
SIGHTS = st.builds(
    Sight,
    find=TEXTS,
    label=TEXTS,
    agent=TEXTS,
    status=st.sampled_from(("", *STATUSES)),
    parent=TEXTS,
    asset=st.sampled_from(("", *ASSETS)),
    chain=st.integers(0, 2**40),
    attention=st.sampled_from(("", "1")),
    sort=st.sampled_from(SORTS),
    size=st.sampled_from(SIZES),
    page=st.integers(1, 10_000),
    columns=st.sets(st.sampled_from(list(COLUMNS))).map(
        lambda found: tuple(one for one in COLUMNS if one in found)
    ),
)


def of(query: str) -> Sight:
    return Sight.of(dict(parse_qsl(query, keep_blank_values=True)))


@given(SIGHTS)
def test_a_url_brings_back_what_was_seen(sight: Sight) -> None:
    assert of(sight.query()) == sight


@given(st.dictionaries(st.sampled_from([*Sight.__dataclass_fields__, "other"]), st.text(max_size=40)))
def test_no_url_breaks_the_page(query: dict[str, str]) -> None:
    asked = Sight.of(query).asked()
    assert asked["limit"] in SIZES
    assert 0 <= asked["offset"] <= 1_000_000
    assert asked["status"] in (None, *STATUSES)


def test_the_usual_sight_has_an_empty_query() -> None:
    assert Sight().query() == ""
    assert not Sight(columns=(), size=100).is_narrow


@pytest.mark.parametrize("changed", [{"label": "x"}, {"size": 50}, {"sort": "label"}], ids=str)
def test_what_shows_other_sessions_begins_with_the_first_page(changed: dict[str, str]) -> None:
    assert Sight(page=7).but(**changed).page == 1
    assert Sight(page=7).but(columns=()).page == 7
    assert Sight(page=7).but(page=8).page == 8
