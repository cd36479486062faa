"""Which addresses are out in the open internet, in every spelling that a resolver may answer or take."""

import ipaddress

import pytest

from valetkey.outward import is_public, literal

PRIVATE = {
    "this host and loopback": ["0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.254", "::", "::1"],
    "private networks": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd00:ec2::254"],
    "of a carrier": ["100.64.0.1", "100.100.100.200", "100.127.255.255"],
    "of a link or a site": ["169.254.0.1", "169.254.169.254", "fe80::1", "fec0::1", "feff::1"],
    "of a cloud's own": ["168.63.129.16", "192.0.0.192"],
    "of protocols": ["192.0.0.1", "192.0.0.8", "192.0.0.170", "192.88.99.1", "2001:2::1", "2001:10::1", "100::1"],
    "of documents": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "2001:db8::1", "3fff::1"],
    "of many": ["224.0.0.1", "239.255.255.255", "255.255.255.255", "240.0.0.1", "ff02::1", "ff0e::1"],
    "with one inside": [
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "::8.8.8.8", "::ffff:0:127.0.0.1", "2002:7f00:1::",
        "2002:a9fe:a9fe::1", "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "2001:0:4136:e378::1",
        "fe80::5efe:127.0.0.1", "2001:4860::5efe:7f00:1", "2001:4860::200:5efe:a00:1",
    ],
}  # fmt: skip


@pytest.mark.parametrize("address", [one for many in PRIVATE.values() for one in many])
def test_what_is_not_out_there(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        *("8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.1", "172.32.0.1", "192.0.1.1", "168.63.129.17"),
        *("2606:4700:4700::1111", "2001:4860:4860::8888", "::ffff:8.8.8.8", "2002:808:808::1"),
    ],
)
def test_what_is(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0x7f.0.0.0x1",
        "017700000001",
        "127.0.0.1.",
    ],
)
def test_spellings_that_resolvers_take_are_addresses(host: str) -> None:
    found = literal(host)
    assert found is not None
    assert found.is_loopback


@pytest.mark.parametrize("host", ["[::1]".strip("[]"), "::ffff:127.0.0.1", "::1%lo", "0:0:0:0:0:0:0:1"])
def test_so_are_those_of_six(host: str) -> None:
    found = literal(host)
    assert found is not None
    assert not is_public(found)
