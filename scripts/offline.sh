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
# axe-core comes from npm, which is elsewhere; and that all of this passes in here is not tried in here once more.
[ $# -gt 0 ] || set -- -q tests/browser --ignore=tests/browser/test_axe.py \
    --deselect=tests/browser/test_leaving.py::test_the_whole_suite_passes_where_loopback_is_the_only_network
exec unshare --map-root-user --net "${PYTHON:-python3}" -m tests.browser.alone -p no:cacheprovider "$@"
