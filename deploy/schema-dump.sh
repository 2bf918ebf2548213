#!/usr/bin/env bash
# Writes migrations/schema.sql: the schema after all migrations, from a throw-away cluster.
#   deploy/schema-dump.sh            writes the file
#   deploy/schema-dump.sh --check    says whether the file is up to date (exit 1 when it is not)
set -euo pipefail
cd "$(dirname "$0")/.."

find_bin() {
    local candidate initdb
    initdb=$(command -v initdb || true)
    for candidate in "${PG_BIN:-}" "${initdb:+$(dirname "$(readlink -f "$initdb")")}" \
        "$(pg_config --bindir 2>/dev/null || true)" $(printf "%s\n" /usr/lib/postgresql/*/bin | sort -rV); do
        if [ -x "$candidate/initdb" ] && [ -x "$candidate/postgres" ]; then
            echo "$candidate"
            return
        fi
    done
    echo "schema-dump: no PostgreSQL server found: install postgresql, or set PG_BIN to its bin folder" >&2
    exit 69
}

# The server refuses to run as root.
as_server() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=postgres --regid=postgres --init-groups --reset-env -- "$@"
    else
        "$@"
    fi
}

bin=$(find_bin)
cluster=$(mktemp -d /tmp/glossator-dump-XXXXXX)
cleanup() {
    as_server "$bin/pg_ctl" -D "$cluster/data" -s -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$cluster"
}
trap cleanup EXIT
if [ "$(id -u)" = 0 ]; then chown postgres "$cluster"; fi

cd "$cluster"
as_server "$bin/initdb" -D "$cluster/data" -U postgres -A trust -E UTF8 --locale=C --no-sync --no-instructions >/dev/null
as_server "$bin/pg_ctl" -D "$cluster/data" -s -w -l "$cluster/log" \
    -o "-k $cluster -c listen_addresses='' -c fsync=off" start
cd - >/dev/null

export PGHOST=$cluster PGUSER=postgres PGDATABASE=postgres
for migration in migrations/[0-9]*.sql; do
    "$bin/psql" -X -q -v ON_ERROR_STOP=1 --single-transaction -f "$migration"
done
# What changes from one minor release of pg_dump to the next is left out, so that only the schema is compared.
dump() {
    echo "-- The schema after all migrations; deploy/schema-dump.sh writes this file. Do not edit it, and do not run it."
    "$bin/pg_dump" --schema-only --schema=glossator --no-owner --no-privileges |
        sed -e '/^-- Dumped/d' -e '/^SET /d' -e '/^SELECT pg_catalog.set_config/d' -e '/^\\\(un\)\?restrict /d' |
        cat -s
}

if [ "${1:-}" = --check ]; then
    if ! diff -u migrations/schema.sql <(dump); then
        echo "schema-dump: migrations/schema.sql is out of date; run deploy/schema-dump.sh" >&2
        exit 1
    fi
else
    dump >migrations/schema.sql
fi
