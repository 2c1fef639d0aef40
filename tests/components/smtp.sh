#!/bin/sh
# smtp.sh: prints a Python that has aiosmtpd, in a folder of its own. `smtp.py` beside this script is the mail server.
set -eu
. "$(dirname "$0")/lib.sh"
home=$cache/smtp
lock smtp
if ! "$home/bin/python" -c 'import aiosmtpd' 2>/dev/null; then
    have python3 || give_up "there is no python3"
    rm -rf "$home"
    python3 -m venv "$home" >&2 || give_up "python3 can't make a folder of its own (python3-venv)"
    "$home/bin/python" -m pip -q install 'aiosmtpd==1.4.6' >&2 || give_up "pip could not install aiosmtpd"
fi
echo "$home/bin/python"
