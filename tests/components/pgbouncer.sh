#!/bin/sh
# pgbouncer.sh [CACHE]: prints a program that runs PgBouncer: PATH's, else one from Debian's package. Nothing is installed: the package
# would start a pooler of its own.
set -eu
. "$(dirname "$0")/lib.sh"
cache=${1:-$cache}
case $cache in /*) ;; *) cache=$PWD/$cache ;; esac
home=$cache/pgbouncer
if have pgbouncer; then
    command -v pgbouncer
    exit
fi
lock pgbouncer
if [ ! -x "$home/pgbouncer" ]; then
    have apt-get && have dpkg || give_up "there is no apt-get to fetch Debian's package with"
    new=$(mktemp -d "$cache/pgbouncer.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    chmod 755 "$new"
    needs() { apt-cache depends pgbouncer 2>/dev/null | sed -n 's/ *Depends: //p' | grep -E '^lib(c-ares|event-2)' || true; }
    [ -n "$(needs)" ] || apt-get -qq update >&2
    # shellcheck disable=SC2046
    (cd "$new" && apt-get -qq download pgbouncer $(needs)) >&2 || give_up "apt-get could not fetch PgBouncer"
    for package in "$new"/*.deb; do dpkg -x "$package" "$new/root"; done
    libs=$(dirname "$(find "$new/root" -name 'libcares.so.*' | head -n 1)")
    printf '#!/bin/sh\nhere=$(dirname "$0")\nLD_LIBRARY_PATH=$here%s exec "$here/root/usr/sbin/pgbouncer" "$@"\n' "${libs#"$new"}" >"$new/pgbouncer"
    chmod 755 "$new/pgbouncer"
    rm -f "$new"/*.deb
    rm -rf "$home"
    mv "$new" "$home"
fi
echo "$home/pgbouncer"
