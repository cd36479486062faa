"""Names of operations fit a policy, and two different things never have one name."""

import pytest

from valetkey.core.errors import InvalidInput
from valetkey.core.operations import TRANSFER, approve_operation, call_operation, swap_operation
from valetkey.core.policy import Policy

ONE, OTHER = "0x" + "aB" * 20, "0x" + "Cd" * 20


def test_every_name_is_one_that_a_policy_takes() -> None:
    names = {
        TRANSFER,
        *(
            name
            for address in (ONE, OTHER)
            for name in (
                approve_operation(address),
                swap_operation(address),
                call_operation(address, b"\0\1\2\3"),
                call_operation(address, b"\0\1\2\4"),
            )
        ),
    }
    assert len(names) == 9
    assert Policy(budget=1, expires_at=1, allowed_operations=frozenset(names)).allowed_operations == names


def test_an_address_is_the_same_in_any_case_of_its_letters() -> None:
    assert approve_operation(ONE) == approve_operation("0x" + ONE[2:].upper()) == "approve." + "ab" * 20


@pytest.mark.parametrize("address", ["", "0x", ONE[2:], ONE + "0", "0x" + "g" * 40, ONE + "\n"])
def test_what_is_no_address_has_no_name(address: str) -> None:
    with pytest.raises(InvalidInput):
        swap_operation(address)


@pytest.mark.parametrize("selector", [b"", b"\0" * 3, b"\0" * 5])
def test_a_selector_has_four_bytes(selector: bytes) -> None:
    with pytest.raises(InvalidInput):
        call_operation(ONE, selector)
