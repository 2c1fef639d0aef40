#!/bin/sh
# ./scripts/db-restore.sh backups/database/bigskies_backup_20260116_224500.sql.gz
exec sh "$(dirname "$0")/db" restore ${1:+--file "$1"}
