"""Ids: a kind, an underscore and random letters; never anything that a client reads as hex."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valetkey.core.ids import Kind, is_id, make_id

ENTROPY = st.text(alphabet=string.ascii_lowercase + string.digits, min_size=20, max_size=40)


@given(st.sampled_from(Kind), ENTROPY)
def test_an_id_is_of_its_kind_and_of_no_other(kind: Kind, entropy: str) -> None:
    made = make_id(kind, entropy)
    assert made == f"{kind}_{entropy}"
    assert [other for other in Kind if is_id(other, made)] == [kind]


def test_no_kind_looks_like_hex_and_no_two_are_alike() -> None:
    assert len({str(kind) for kind in Kind}) == len(Kind)
    for kind in Kind:
        assert len(kind) == 3
        assert not make_id(kind, "0" * 20).startswith("0x")


@pytest.mark.parametrize(
    "entropy", ["", "a" * 19, "a" * 41, "A" * 20, "a" * 19 + "_", "a" * 19 + "\n", "é" * 20, "٣" * 20]
)
def test_bad_entropy_is_a_bug_of_the_caller(entropy: str) -> None:
    with pytest.raises(AssertionError):
        make_id(Kind.AGENT, entropy)
    assert not is_id(Kind.AGENT, f"agt_{entropy}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "agt",
        "agt_",
        "a" * 24,
        "agt-" + "a" * 20,
        "agt_" + "a" * 20 + "\n",
        " agt_" + "a" * 20,
        "AGT_" + "a" * 20,
        "svc_" + "a" * 20,
        "0x" + "a" * 40,
    ],
)
def test_other_texts_are_no_agent_s_id(text: str) -> None:
    assert not is_id(Kind.AGENT, text)
