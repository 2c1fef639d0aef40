#!/bin/sh
# cron.sh [CACHE]: prints a folder with `crontab` from Debian's package of cron. Nothing is installed: the package would
# start a cron of its own.
set -eu
. "$(dirname "$0")/lib.sh"
cache=${1:-$cache}
case $cache in /*) ;; *) cache=$PWD/$cache ;; esac
home=$cache/cron
lock cron
if [ ! -x "$home/usr/bin/crontab" ]; then
    have apt-get && have dpkg || give_up "there is no apt-get to fetch Debian's package with"
    new=$(mktemp -d "$cache/cron.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    chmod 755 "$new"
    [ -n "$(apt-cache policy cron 2>/dev/null | sed -n 's/ *Candidate: //p')" ] || apt-get -qq update >&2
    (cd "$new" && apt-get -qq -o APT::Sandbox::User= download cron) >&2 || give_up "apt-get could not fetch cron"
    dpkg -x "$new"/cron_*.deb "$new"
    rm -f "$new"/*.deb
    rm -rf "$home"
    mv "$new" "$home"
fi
echo "$home/usr/bin"
