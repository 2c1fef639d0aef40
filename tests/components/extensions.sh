#!/bin/sh
# extensions.sh BIN [own|debian] [CACHE]: prints the bin folder of a copy of the PostgreSQL in the folder BIN that has the small
# extensions in `extensions/`, and with `debian` PostGIS, pg_cron and pg_partman, too, from Debian's packages. Nothing is installed:
# PostgreSQL finds its files by where its program is, so that a copy may have what the machine has not.
set -eu
. "$(dirname "$0")/lib.sh"
bin=${1:-} more=${2:-own} cache=${3:-$cache}
case $cache in /*) ;; *) cache=$PWD/$cache ;; esac
[ -x "$bin/pg_config" ] || give_up "no pg_config in the folder $bin"
here=$(cd "$(dirname "$0")" && pwd)

where() { "$bin/pg_config" "--$1"; }
version=$("$bin/pg_config" --version | cut -d' ' -f2)
state=$(cat "$0" "$here"/extensions/* | cksum | tr -dc '0-9')
home=$cache/extensions-$version-$more-$state

# What PostGIS needs of the system's libraries, beside those that PostgreSQL itself needs.
debian() {
    have apt-get && have dpkg || give_up "there is no apt-get to fetch Debian's packages with"
    major=${version%%.*}
    mkdir "$new/packages"
    chmod 755 "$new/packages"
    needs=$(apt-cache depends "postgresql-$major-postgis-3" 2>/dev/null | sed -n 's/ *Depends: //p' | grep -E '^lib(geos|proj|protobuf-c|json-c)' || true)
    [ -n "$needs" ] || { apt-get -qq update >&2; needs=$(apt-cache depends "postgresql-$major-postgis-3" | sed -n 's/ *Depends: //p' | grep -E '^lib(geos|proj|protobuf-c|json-c)'); }
    geos=$(apt-cache depends libgeos-c1v5 2>/dev/null | sed -n 's/ *Depends: //p' | grep '^libgeos' || true)
    # shellcheck disable=SC2086
    (cd "$new/packages" && apt-get -qq download "postgresql-$major-postgis-3" "postgresql-$major-postgis-3-scripts" \
        "postgresql-$major-cron" "postgresql-$major-partman" $needs $geos proj-data) >&2 ||
        give_up "apt-get could not fetch PostGIS, pg_cron and pg_partman for PostgreSQL $version"
    for package in "$new/packages"/*.deb; do dpkg -x "$package" "$new/root"; done
    # the names without a version are links of update-alternatives
    for control in "$new/root/usr/share/postgresql/$major/extension"/*-3.control; do
        cp "$control" "${control%-3.control}.control"
    done
    cp -R "$new/root/usr/share/postgresql/$major/." "$new$(where sharedir)/"
    cp -R "$new/root/usr/lib/postgresql/$major/lib/." "$new$(where pkglibdir)/"
    libs=$(dirname "$(find "$new/root" -name 'libgeos_c.so.*' | head -n 1)")
    mv "$libs" "$new/libs"
    mv "$new/root/usr/share/proj" "$new/proj"
    rm -rf "$new/root" "$new/packages"
    # the libraries are found through a program that stands before the server
    mv "$new$(where bindir)/postgres" "$new$(where bindir)/postgres.bin"
    cat >"$new$(where bindir)/postgres" <<PROGRAM
#!/bin/sh
LD_LIBRARY_PATH=$home/libs PROJ_LIB=$home/proj PROJ_DATA=$home/proj
export LD_LIBRARY_PATH PROJ_LIB PROJ_DATA
exec "$home$(where bindir)/postgres.bin" "\$@"
PROGRAM
    chmod 755 "$new$(where bindir)/postgres"
}

copy() {
    mkdir -p "$cache"
    new=$(mktemp -d "$cache/extensions.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    chmod 755 "$new"
    for folder in $(where bindir) $(where pkglibdir) $(where sharedir); do
        [ -d "$new$folder" ] && continue
        mkdir -p "$new$folder"
        cp -RL "$folder/." "$new$folder/"
    done
    case $(where libdir) in
    "${bin%/bin}"/*) [ -d "$new$(where libdir)" ] || cp -RL "$(where libdir)/." "$(mkdir -p "$new$(where libdir)" && echo "$new$(where libdir)")/" ;;
    esac
    cp "$here"/extensions/* "$new$(where sharedir)/extension/"
    [ "$more" = own ] || debian
    rm -rf "$home"
    mv "$new" "$home"
}

if [ ! -x "$home$(where bindir)/initdb" ]; then
    mkdir -p "$cache"
    lock extensions
    [ -x "$home$(where bindir)/initdb" ] || copy
fi
echo "$home$(where bindir)"
