#!/bin/sh
# The publishing job: a dump in the data repository, verified, and a commit if the data has changed.
# ALLOW_EMPTY_SQL_DUMP=true accepts fewer records than the ratchet wants.
set -eu
cd "$(dirname "$0")/.."
sh scripts/db backup --auto

dumps=${SQL_DUMP_DIR:-sql_dumps}
if git -C "$dumps" rev-parse --git-dir >/dev/null 2>&1; then
    git -C "$dumps" add -A .
    git -C "$dumps" diff --cached --quiet || git -C "$dumps" commit --quiet -m "SQL dump of $(date -u +%Y-%m-%d)"
fi
