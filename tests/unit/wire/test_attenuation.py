"""What a stranger's narrowing may say, and what is refused as malformed."""

import json
from typing import Any

import pytest

from valetkey.core.errors import InvalidInput
from valetkey.wire.attenuation import TITLE, SignedNarrowing, read

GOOD: dict[str, Any] = {
    "parent": "ses_" + "a" * 25,
    "wallet": "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A",
    "e2e": None,
    "token": "cd" * 32,
    "label": "worker",
    "rules": {"budget": "1000000", "allowed_services": ["svc_1", "svc_2"], "windows": [[3_600, "5"]]},
}


def narrowing(**rules: Any) -> SignedNarrowing:
    told = {**GOOD, "rules": {**GOOD["rules"], **rules}}
    text = f"{TITLE}\n{json.dumps(told, sort_keys=True, separators=(',', ':'))}"
    return SignedNarrowing(message=text, signature="0x" + "00" * 65)


def test_a_narrowing_is_what_was_written() -> None:
    assert read(narrowing(allowed_chains=[1, 8_453])).narrowing.allowed_chains == {1, 8_453}
    found = read(narrowing())
    assert found.narrowing.allowed_services == {"svc_1", "svc_2"}
    assert found.message == narrowing().message


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        *(("allowed_services", wrong) for wrong in (["a", 1], [1], [None], [["a"]], "svc_1", {"a": 1}, 5, None)),
        *(("allowed_chains", wrong) for wrong in (["8453"], [8453, "1"], [True], [None], 8453, {"8453": 1})),
        *(("without", wrong) for wrong in (["x402", 7], [2], "x402")),
        *(("windows", wrong) for wrong in ([["3600", "5"]], [[True, "5"]], [[3_600, 5]], [[3_600]], "ab", [None], 7)),
        *(("budget", wrong) for wrong in (1, "-1", "1.0", "1e3", "9" * 31, None, ["1"], "\u0661")),
        *(("expires_at", wrong) for wrong in (True, "1", None, [1])),
        ("of_no_such_rule", 1),
    ],
)  # fmt: skip
def test_another_shape_is_malformed(rule: str, wrong: object) -> None:
    with pytest.raises(InvalidInput) as problem:
        read(narrowing(**{rule: wrong}))
    assert problem.value.code in {"attenuation_malformed", "invalid_input"}, problem.value.code
