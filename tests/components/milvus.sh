#!/bin/sh
# milvus.sh [CACHE]: prints the folder that has a real Milvus 2.3.5 in `server`, and Milvus Lite with the Python client in `client`,
# fetching them once from Python's registry.
#
# They are two environments, for each wants its own versions of what both use.
set -eu
. "$(dirname "$0")/lib.sh"
cache=${1:-$cache}
case $cache in /*) ;; *) cache=$PWD/$cache ;; esac
home=$cache/milvus-1

fetch() {
    have python3 || apt_install python3
    python3 -m venv --help >/dev/null 2>&1 && python3 -c 'import ensurepip' 2>/dev/null || apt_install python3-venv
    rm -rf "$home"
    # a venv knows its own place, so it is made there; `done` says that it is whole
    for env in server client; do python3 -m venv "$home/$env"; done
    "$home/server/bin/pip" install -q --disable-pip-version-check milvus==2.3.5 >&2 || give_up "pip could not fetch milvus"
    "$home/client/bin/pip" install -q --disable-pip-version-check pymilvus==2.6.17 milvus-lite==3.2.2 >&2 ||
        give_up "pip could not fetch pymilvus and milvus-lite"
    : >"$home/done"
}

if [ ! -e "$home/done" ]; then
    mkdir -p "$cache"
    lock milvus
    [ -e "$home/done" ] || fetch
fi
"$home/client/bin/python" -c 'import pymilvus' || give_up "pymilvus does not run on this machine"
echo "$home"
