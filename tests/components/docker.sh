#!/bin/sh
# A docker engine for tests: the one that answers, else one of our own that lives in DIR.
#
#   docker.sh start DIR    prints DOCKER_HOST=...; at once when an engine is up
#   docker.sh stop DIR     ends the engine that `start` made, and all that was made with it
#
# Ours has no default bridge and no iptables: the machine's network stays as it is. Networks that
# a test creates work, and so do ports published on 127.0.0.1.
set -eu
. "$(dirname "$0")/lib.sh"
[ $# = 2 ] || give_up "usage: docker.sh start|stop DIR"
case $2 in /*) dir=$2 ;; *) dir=$PWD/$2 ;; esac
ours=unix://$dir/docker.sock

answers() { docker ps -q >/dev/null 2>&1; }

# `kill -0` would call a zombie alive, and so does dockerd, which then refuses to start
alive() { [ -n "$(tr -d '\0' 2>/dev/null <"/proc/$1/cmdline")" ]; }

launch() {
    [ "$(uname)" = Linux ] || give_up "no docker engine answers; start yours"
    [ "$(id -u)" = 0 ] || give_up "no docker engine answers, and only root can start one"
    have dockerd || apt_install docker.io iptables
    have docker || apt_install docker-cli
    mkdir -p "$dir"
    [ -O "$dir" ] || give_up "$dir is not ours"
    chmod 700 "$dir"
    for file in "$dir/pid" "$dir/exec/containerd/containerd.pid"; do
        [ ! -f "$file" ] || alive "$(cat "$file")" || rm "$file"
    done
    # an engine that was killed in the midst of a network stumbles over what it has noted of it (libnetwork, reservePools), for ever:
    # networks of tests are nothing to keep
    come_up || { rm -rf "$dir/data/network"; come_up; } || give_up "dockerd did not come up: $(tail -n 3 "$dir/log")"
}

come_up() {
    setsid dockerd --host="$ours" --data-root="$dir/data" --exec-root="$dir/exec" --pidfile="$dir/pid" \
        --bridge=none --iptables=false --ip6tables=false --ip-forward=false \
        </dev/null >"$dir/log" 2>&1 9>&- &
    for _ in $(seq 300); do
        answers && return
        kill -0 $! 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}

start() {
    if answers; then
        echo "DOCKER_HOST=${DOCKER_HOST:-$(docker context inspect --format '{{.Endpoints.docker.Host}}')}"
        return
    fi
    export DOCKER_HOST="$ours"
    unset DOCKER_CONTEXT
    answers || { lock docker; answers || launch; }
    echo "DOCKER_HOST=$DOCKER_HOST"
}

stop() {
    [ -f "$dir/log" ] || return 0
    export DOCKER_HOST="$ours"
    unset DOCKER_CONTEXT
    lock docker
    # an engine that was killed leaves its containers running: only an engine can end them
    answers || launch
    docker ps -aq | xargs -r docker rm -vf >/dev/null || :
    [ -z "$(docker ps -aq)" ] || give_up "containers of $dir can't be removed"
    docker network ls -q --filter type=custom | xargs -r docker network rm >/dev/null || :
    pid=$(cat "$dir/pid")
    kill "$pid"
    for _ in $(seq 200); do
        alive "$pid" || break
        sleep 0.1
    done
    # a container with the host's network leaves a mount under exec/netns
    awk -v at="$dir/" 'index($5, at) == 1 { print $5 }' /proc/self/mountinfo | sort -r | xargs -r umount
    rm -rf "$dir/data" "$dir/exec" "$dir/pid" "$dir/docker.sock" "$dir/log"
    rmdir "$dir"
}

case $1 in
start) start ;;
stop) stop ;;
*) give_up "usage: docker.sh start|stop DIR" ;;
esac
