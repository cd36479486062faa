#!/bin/sh
# The tests of the console run in a real browser: Chromium has to be on this machine. No browser is downloaded otherwise.
set -eu
[ -n "${VALETKEY_TEST_CHROMIUM:-}" ] && exit 0
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "Installing Chromium ..."
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null
    exit 0
fi
echo "The tests need Chromium: install its package, or set VALETKEY_TEST_CHROMIUM to the program." >&2
exit 1
