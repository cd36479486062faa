#!/bin/sh
# The console's tests in a network of their own, in which loopback is up and nothing else is there; arguments go to pytest.
# Whoever is not root is mapped to root in there, where the system lets users do that.
set -eu
command -v unshare >/dev/null 2>&1 || { echo "This needs unshare (util-linux)." >&2; exit 1; }
unshare --map-root-user --net true 2>/dev/null || {
    echo "This system does not let $(id -un) make a network of its own: run it as root." >&2
    exit 1
}
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- -q tests/browser
exec unshare --map-root-user --net "${PYTHON:-python3}" -m tests.browser.alone -p no:cacheprovider "$@"
