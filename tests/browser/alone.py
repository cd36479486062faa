"""Pytest in a network of its own, in which loopback is up and nothing else is there. Started by `unshare --net`."""

import fcntl
import socket
import struct
import sys

import pytest

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def raise_loopback() -> None:
    """As `ip link set lo up`, which not every machine has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = struct.pack("16sH14s", b"lo", 0, b"")
        (_, flags, _) = struct.unpack("16sH14s", fcntl.ioctl(any_socket, SIOCGIFFLAGS, asked))
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14s", b"lo", flags | IFF_UP, b""))


def check_alone() -> None:
    """Nothing but loopback: otherwise this would prove nothing."""
    assert [name for _, name in socket.if_nameindex()] == ["lo"]


if __name__ == "__main__":
    check_alone()
    raise_loopback()
    sys.exit(pytest.main(sys.argv[1:]))
