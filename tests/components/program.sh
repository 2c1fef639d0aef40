#!/bin/sh
# program.sh NAME: prints where the program is, installing the Debian package of that name where it is missing.
set -eu
. "$(dirname "$0")/lib.sh"
have "$1" || apt_install "$1"
command -v "$1" || give_up "$1 is still not on PATH"
