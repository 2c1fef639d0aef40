#!/bin/sh
# regress.sh MAJOR [CACHE]: prints a folder with PostgreSQL's own regression tests, their `sql`, `data` and `parallel_schedule`, from
# the sources of Debian's package. They are fetched by an apt with lists of its own: the machine's stay as they are.
set -eu
. "$(dirname "$0")/lib.sh"
major=${1:-} cache=${2:-$cache}
case $cache in /*) ;; *) cache=$PWD/$cache ;; esac
[ -n "$major" ] || give_up "usage: regress.sh MAJOR [CACHE]"
home=$cache/regress-$major

fetch() {
    have apt-get && have dpkg || give_up "there is no apt-get to fetch PostgreSQL's sources with"
    new=$(mktemp -d "$cache/regress.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    chmod 755 "$new"
    mkdir -p "$new/parts" "$new/lists/partial"
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null | sed -n 's/^deb /deb-src /p' >"$new/parts/a.list"
    cat /etc/apt/sources.list.d/*.sources 2>/dev/null | sed 's/^Types:.*/Types: deb-src/' >"$new/parts/b.sources"
    own="-o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts=$new/parts -o Dir::State::Lists=$new/lists"
    # shellcheck disable=SC2086
    apt-get -qq $own update >&2 || give_up "apt-get could not read the lists of sources"
    # a mirror may not have every version that its lists name
    # shellcheck disable=SC2086
    for version in $(apt-cache $own showsrc "postgresql-$major" | sed -n 's/^Version: //p' | sort -u); do
        (cd "$new" && apt-get -qq $own source --download-only "postgresql-$major=$version") >"$new/log" 2>&1 && break
    done
    ls "$new"/*.orig.tar.* >/dev/null 2>&1 || give_up "apt-get could not fetch the sources of postgresql-$major: $(tail -n 1 "$new/log")"
    tar -xf "$new"/postgresql-"$major"_*.orig.tar.* -C "$new" --wildcards '*/src/test/regress/sql/*' '*/src/test/regress/data/*' \
        '*/src/test/regress/parallel_schedule' || give_up "the sources of postgresql-$major hold no regression tests"
    chmod -R u+rwX,go+rX "$new"
    rm -rf "$home"
    mv "$new"/*/src/test/regress "$home"
}

if [ ! -f "$home/parallel_schedule" ]; then
    mkdir -p "$cache"
    lock regress
    [ -f "$home/parallel_schedule" ] || fetch
fi
echo "$home"
