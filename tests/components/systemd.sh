#!/bin/sh
# systemd.sh: prints where systemd-analyze is, which reads units as systemd does. It needs no systemd that runs.
set -eu
. "$(dirname "$0")/lib.sh"
have systemd-analyze || apt_install systemd
command -v systemd-analyze || give_up "systemd-analyze is still not on PATH"
