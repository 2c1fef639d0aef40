#!/bin/bash
# What the official PostgreSQL image does at its start, as far as a backup tool can tell.
set -euo pipefail
export PGDATA=${PGDATA:-/var/lib/postgresql/data}
[ $# -gt 0 ] || set -- postgres
[ "${1#-}" = "$1" ] || set -- postgres "$@"
[ "$1" = postgres ] || exec "$@"

if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA" /run/postgresql
    chown postgres:postgres /run/postgresql /var/lib/postgresql
    find "$PGDATA" \! -user postgres -exec chown postgres:postgres {} +
    chmod 700 "$PGDATA"
    exec setpriv --reuid=postgres --regid=postgres --clear-groups "$0" "$@"
fi

first_start() {
    local user=${POSTGRES_USER:-postgres} db=${POSTGRES_DB:-${POSTGRES_USER:-postgres}} file
    local auth=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
    if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "$auth" != trust ]; then
        echo "Error: Database is uninitialized and superuser password is not specified." >&2
        exit 1
    fi
    initdb -U "$user" --auth-local=trust --auth-host=trust -E UTF8 --locale=C.UTF-8 \
        --pwfile=<(echo "${POSTGRES_PASSWORD:-unused}") ${POSTGRES_INITDB_ARGS:-}
    echo "host all all all $auth" >>"$PGDATA/pg_hba.conf"
    echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
    # on the socket only, as the official one: "ready" there does not mean ready
    pg_ctl -w -o "-c listen_addresses=''" start
    [ "$db" = postgres ] || psql -qX -U "$user" -d postgres -v ON_ERROR_STOP=1 -v db="$db" <<<'CREATE DATABASE :"db";'
    for file in /docker-entrypoint-initdb.d/*.sql; do
        [ ! -f "$file" ] || psql -qX -U "$user" -d "$db" -v ON_ERROR_STOP=1 -f "$file"
    done
    pg_ctl -m fast -w stop
}

[ -s "$PGDATA/PG_VERSION" ] || first_start
exec "$@"
