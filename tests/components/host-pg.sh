#!/bin/sh
# host-pg.sh: prints the bin folder of the newest PostgreSQL server that this system's packages
# gave it, installing one, without a cluster, where there is none.
set -eu
. "$(dirname "$0")/lib.sh"

newest() { ls -d /usr/lib/postgresql/*/bin/postgres 2>/dev/null | sort -V | tail -n 1; }

if [ -z "$(newest)" ]; then
    lock host-pg
    if [ -z "$(newest)" ]; then
        apt_install postgresql-common
        sed -i 's/^#\?create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
        apt_install postgresql
    fi
fi
dirname "$(newest)"
