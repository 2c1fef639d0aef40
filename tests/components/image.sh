#!/bin/bash
# A PostgreSQL image with no image registry: from scratch, with the machine's own files.
#
#   image.sh TAG [PREFIX]    PREFIX: another PostgreSQL, relocatable (bin/ lib/ share/), as pg.sh fetches
#
# It behaves like the official one (image/entrypoint.sh). An image TAG of the same inputs is left alone.
# bash: process substitution, and arrays for lists of files.
set -euo pipefail
umask 022
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
tag=${1:?usage: image.sh TAG [PREFIX]}
prefix=${2:-}
tools=(bash sh env cat cp mv rm ln ls mkdir rmdir chmod chown id touch sleep echo date test expr head tail tr cut wc
    sort uniq grep sed find xargs gzip gunzip zcat tar df du stat sync mktemp sha256sum setpriv ps kill true false)

# elsewhere the files of this machine would not run in a container
if [ "$(uname)" != Linux ] || { [ -z "$prefix" ] && ! prefix=$("$here/host-pg.sh")/..; }; then
    docker image inspect "$tag" >/dev/null 2>&1 || { docker pull -q postgres:17 && docker tag postgres:17 "$tag"; } >&2 ||
        give_up "no PostgreSQL on this machine to make an image of, and docker pull postgres:17 failed"
    exit
fi
prefix=$(realpath "$prefix")
[ -x "$prefix/bin/postgres" ] || give_up "no bin/postgres in $prefix"

inputs=$({ cat "$0" "$here"/image/*; echo "$prefix"; "$prefix/bin/postgres" --version; } | sha256sum | cut -c1-16)
same() { [ "$(docker image inspect -f '{{index .Config.Labels "db-tasks.inputs"}}' "$tag" 2>/dev/null)" = "$inputs" ]; }
! same || exit 0
lock image
! same || exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root"/{usr/{bin,sbin,lib,lib64},etc,tmp,run/postgresql,var/lib/postgresql/data,root,dev,proc,sys}
for f in bin sbin lib lib64; do ln -s "usr/$f" "$root/$f"; done
ln -s /run "$root/var/run"

# Debian keeps share/ apart from the prefix; the JIT compiler alone would weigh as much as all the rest
share=/usr/share/postgresql/${prefix##*/}
[ ! -d "$prefix/share" ] || share=
tar -C / -c --exclude='llvmjit*' --exclude=bitcode --exclude='*.a' --exclude=include \
    "${prefix#/}" ${share#/} $(cd / && ls -d usr/share/zoneinfo usr/lib/locale/C.utf8 2>/dev/null) | tar -C "$root" -x

# the tools, and every shared library that they or the server's modules name
mapfile -t files < <(for f in "${tools[@]}"; do type -P "$f" || :; done)
mapfile -t binaries < <(find "$prefix" -type f \( -perm -100 -o -name '*.so*' \) ! -name 'llvmjit*')
mapfile -t libraries < <(ldd "${files[@]}" "${binaries[@]}" 2>/dev/null | grep -o '/[^ ]*\.so[^ :]*' | sort -u | xargs realpath -s | sort -u)
for f in "${files[@]}" "${libraries[@]}"; do
    [ -e "$root$f" ] || cp -L --parents "$f" "$root"
done
for f in "$prefix"/bin/*; do ln -sf "$f" "$root/usr/bin/${f##*/}"; done
install -m 755 "$here/image/entrypoint.sh" "$root/usr/bin/docker-entrypoint.sh"
printf 'root:x:0:0:root:/root:/bin/bash\npostgres:x:999:999::/var/lib/postgresql:/bin/bash\n' >"$root/etc/passwd"
printf 'root:x:0:\npostgres:x:999:\n' >"$root/etc/group"
chmod 1777 "$root/tmp"
# PREFIX may lie in a home that only its owner can enter
f=$prefix
while [ "$f" != / ]; do chmod a+rx "$root$f"; f=$(dirname "$f"); done

# ADD of a tar is twice as fast as COPY of a tree
mkdir "$work/context"
tar -C "$root" --numeric-owner --owner=0 --group=0 -cf "$work/context/root.tar" .
cp "$here/image/Dockerfile" "$work/context"
# without buildx a modern client knows no other builder
docker buildx version >/dev/null 2>&1 || export DOCKER_BUILDKIT=0
docker build -q -t "$tag" --label "db-tasks.inputs=$inputs" "$work/context" >"$work/log" 2>&1 ||
    { tail -n 5 "$work/log" >&2; give_up "docker could not build $tag"; }
