#!/bin/sh
# After a new database was filled: what is newer than the dump. The project's own sync goes here.
echo "syncing the last ${DB_INIT_DAYS_TO_SYNC:-90} days"
