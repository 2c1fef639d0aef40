# Sourced by the scripts beside it: where things are kept, and how a missing thing is installed.
# shellcheck shell=sh

cache=${XDG_CACHE_HOME:-${HOME:-${TMPDIR:-/tmp}}/.cache}/db-tasks-tests

give_up() {
    echo "${0##*/}: $*" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Holds the named lock until the script ends. A child that outlives the script needs 9>&-.
# Without flock(1), as on macOS, nothing here is started or installed, so nothing has to be held.
lock() {
    have flock || return 0
    mkdir -p "$cache"
    exec 9>"$cache/$1.lock"
    flock 9
}

# apt's own waiting covers dpkg's lock but not that of the package lists: hence one of ours.
apt_install() {
    have apt-get || give_up "$1 is missing, and there is no apt-get to install it with"
    [ "$(id -u)" = 0 ] || give_up "$1 is missing, and only root can install it"
    mkdir -p "$cache"
    (
        flock 8
        export DEBIAN_FRONTEND=noninteractive
        log=$(mktemp)
        install="apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends"
        # shellcheck disable=SC2086
        { $install "$@" || { apt-get -qq update && $install "$@"; }; } </dev/null >"$log" 2>&1 8>&- 9>&- && status=0 || status=$?
        [ $status = 0 ] || tail -n 5 "$log" >&2
        rm -f "$log"
        exit $status
    ) 8>"$cache/apt.lock" || give_up "apt-get could not install $*"
}
