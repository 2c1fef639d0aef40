#!/bin/sh
# compose.sh v1|v2: prints the words that run that compose, installing it where it is missing.
#
# v1 is `docker-compose` 1.x, v2 is `docker compose`. Debian 12 packages only v1: there the plugin
# is taken from the next release's package, through the mirror that apt here uses already, in an
# apt folder of its own, so that the system's package lists stay as they are. The plugin is
# then found by `docker --config DIR`, equally by DOCKER_CONFIG=DIR docker compose.
set -eu
. "$(dirname "$0")/lib.sh"
next_release=trixie

is_v1() { case $(docker-compose version --short 2>/dev/null) in 1.*) true ;; *) false ;; esac; }

v1() {
    is_v1 && { echo docker-compose; return; }
    ! have docker-compose || give_up "the docker-compose here is not 1.x"
    have apt-cache || give_up "docker-compose 1.x is missing, and there is no apt-get to install it with"
    apt-cache policy docker-compose | grep -q 'Candidate: 1\.' || [ "$(id -u)" != 0 ] || apt-get -qq update >&2
    apt-cache policy docker-compose | grep -q 'Candidate: 1\.' || give_up "no docker-compose 1.x in the packages of this system"
    apt_install docker-compose
    is_v1 || give_up "docker-compose is installed but does not run: $(docker-compose version 2>&1 | tail -n 1)"
    echo docker-compose
}

fetch_plugin() {
    have apt-get || give_up "docker compose v2 is missing, and there is no apt-get to fetch it with"
    mirror=$(apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Identifier: Packages' |
        awk -v release="$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" '$2 == release && $3 == "main" { print $1; exit }')
    keys=/usr/share/keyrings/debian-archive-keyring.gpg
    [ -n "$mirror" ] && [ -f $keys ] || give_up "docker compose v2 is missing, and this system's apt has no Debian mirror to fetch it from"
    apt=$(mktemp -d)
    trap 'rm -rf "$apt"' EXIT
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    echo "deb [signed-by=$keys] $mirror $next_release main" >"$apt/sources.list"
    cat >"$apt/apt.conf" <<CONF
Dir::State "$apt"; Dir::State::status "/dev/null"; Dir::Cache "$apt/cache";
Dir::Etc::sourcelist "$apt/sources.list"; Dir::Etc::sourceparts "/dev/null"; Dir::Etc::preferencesparts "/dev/null";
APT::Sandbox::User ""; Acquire::Languages "none";
CONF
    (
        cd "$apt"
        export APT_CONFIG="$apt/apt.conf"
        { apt-get -qq update && apt-get -qq download docker-compose && dpkg-deb -x docker-compose_*.deb .; } >log 2>&1 ||
            { tail -n 3 log >&2; give_up "apt could not fetch docker-compose of $next_release"; }
    )
    mv "$apt/usr/libexec/docker/cli-plugins/docker-compose" "$config/cli-plugins/docker-compose"
}

v2() {
    docker compose version >/dev/null 2>&1 && { echo "docker compose"; return; }
    config=$cache/docker-config
    mkdir -p "$config/cli-plugins"
    lock compose
    [ -x "$config/cli-plugins/docker-compose" ] || fetch_plugin
    docker --config "$config" compose version >/dev/null 2>&1 || give_up "the compose plugin of $next_release does not run here"
    echo "docker --config $config compose"
}

case ${1:-} in
v1 | v2) have docker || give_up "no docker client"; "$1" ;;
*) give_up "usage: compose.sh v1|v2" ;;
esac
