#!/bin/sh
# A container's first start: fills a database that is missing or empty from the newest dump, and
# leaves one with data alone. SKIP_DB_INIT=true skips it.
set -eu
cd "$(dirname "$0")/.."
exec sh scripts/db prepare --wait 120
