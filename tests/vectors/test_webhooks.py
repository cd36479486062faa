"""webhooks.json: what the real client believes, and what the sender makes of its receiver's answers."""

from typing import Any

import pytest

from tests.unit.engine import sending
from tests.unit.engine.sending import OneDelivery, Receiver, send
from tests.vectors.files import names, vectors
from tests.vectors.leaks import parts_told
from valetkey.crypto.secret import Secret
from valetkey.wire.webhooks import WebhookCode, WebhookError, sign_header, verify_header

WEBHOOKS = vectors("webhooks")
CASES = WEBHOOKS["cases"]
CODES = {
    "age_301_stale": WebhookCode.STALE,
    "future_301": WebhookCode.STALE,
    "age_1_tolerance_0": WebhookCode.STALE,
    "milliseconds_timestamp": WebhookCode.STALE,
    "body_reserialized_with_spaces": WebhookCode.MISMATCH,
    "timestamp_swapped": WebhookCode.MISMATCH,
    "missing_t": WebhookCode.MALFORMED,
    "v0_only": WebhookCode.MALFORMED,
    "space_after_comma": WebhookCode.MALFORMED,
    "trailing_space": WebhookCode.MISMATCH,
    "uppercase_hex": WebhookCode.MISMATCH,
    "t_not_number": WebhookCode.MALFORMED,
    "t_empty": WebhookCode.MALFORMED,
    "sig_empty": WebhookCode.MALFORMED,
}


@pytest.mark.parametrize("case", CASES, ids=names(CASES))
def test_believes_what_the_client_believes(case: dict[str, Any]) -> None:
    secret, body = Secret(case["secret"]), case["body"].encode()
    if case["valid"]:
        verify_header(secret, case["header"], body, case["now"], case["toleranceSeconds"])
        return
    with pytest.raises(WebhookError) as caught:
        verify_header(secret, case["header"], body, case["now"], case["toleranceSeconds"])
    assert caught.value.code == CODES[case["name"]]
    assert not parts_told(caught.value, case["secret"].removeprefix("whsec_"))


def test_signs_as_the_server_does() -> None:
    signed = [case for case in CASES if case["name"] in {"valid", "empty_body", "age_299"}]
    assert len(signed) == 3
    for case in signed:
        timestamp = int(case["header"].partition(",")[0].removeprefix("t="))
        assert sign_header(Secret(case["secret"]), case["body"].encode(), timestamp) == case["header"]


@pytest.mark.parametrize("case", WEBHOOKS["webhookServer"], ids=names(WEBHOOKS["webhookServer"]))
def test_only_a_success_of_the_receiver_ends_the_sending(case: dict[str, Any]) -> None:
    outbox, receiver = OneDelivery(), Receiver(case["status"])
    told = send(outbox, receiver)
    assert receiver.believed == [sending.NOW]
    if case["status"] == 200:
        assert (told, outbox.outcome) == (["sent"], ("sent", 200))
    else:
        assert (told, outbox.outcome[0]) == (["retry"], "retry")
        assert outbox.outcome[2] == f"answered {case['status']}"
