#!/bin/sh
# The tests start a PostgreSQL server of their own: its programs have to be on this machine.
set -eu
[ -n "${VALETKEY_TEST_POSTGRES_URL:-}" ] && exit 0
command -v initdb >/dev/null 2>&1 && exit 0
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "Installing PostgreSQL ..."
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null
    exit 0
fi
echo "The tests need PostgreSQL 15 or newer: install its package (initdb and pg_ctl), or set VALETKEY_TEST_POSTGRES_URL." >&2
exit 1
