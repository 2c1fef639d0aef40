#!/bin/sh
# migrators.sh [CACHE]: prints the folder that has alembic, dbmate and node-pg-migrate in `bin`, fetching them once.
#
# They are other people's migrators, from the registries of Python and of npm: a reset has to work round any of them.
set -eu
. "$(dirname "$0")/lib.sh"
cache=${1:-$cache}
case $cache in /*) ;; *) cache=$PWD/$cache ;; esac
home=$cache/migrators-1

fetch() {
    have python3 || apt_install python3
    python3 -m venv --help >/dev/null 2>&1 && python3 -c 'import ensurepip' 2>/dev/null || apt_install python3-venv
    have npm || apt_install npm
    rm -rf "$home"
    # a venv knows its own place, so it is made there; `done` says that it is whole
    python3 -m venv "$home/venv"
    "$home/venv/bin/pip" install -q --disable-pip-version-check 'alembic==1.20.0' 'psycopg[binary]==3.2.*' >&2 ||
        give_up "pip could not fetch alembic"
    (cd "$home" && npm install --no-audit --no-fund --silent --prefix "$home" dbmate@2.36 node-pg-migrate@9 pg@8 >&2) ||
        give_up "npm could not fetch dbmate and node-pg-migrate"
    mkdir "$home/bin"
    ln -s ../venv/bin/alembic ../node_modules/.bin/dbmate ../node_modules/.bin/node-pg-migrate "$home/bin/"
    : >"$home/done"
}

if [ ! -e "$home/done" ]; then
    mkdir -p "$cache"
    lock migrators
    [ -e "$home/done" ] || fetch
fi
for program in alembic dbmate node-pg-migrate; do
    "$home/bin/$program" --version >/dev/null || give_up "$program does not run on this machine"
done
echo "$home"
