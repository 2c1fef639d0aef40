exec 3>&2 2>/dev/null
mark=$1 asked= tree=' ' n=10
read -r line <"/proc/$$/cmdline"
case $line in sh-c*) ;; *) echo "the processes can't be read in /proc" >&3; exit 8 ;; esac
# a server that is process 1 takes the violent end of an orphan for a crash: there, parents see their children off
read -r first </proc/1/comm
[ "$first" != postgres ] || n=0
while :; do
    live=' '
    for pid in $tree; do
        read -r stat <"/proc/$pid/stat" || continue
        case "${stat##*) }" in Z*) ;; *) live="$live$pid " ;; esac
    done
    tree=$live more=yes
    while [ "$more" ]; do
        more=
        for p in /proc/[0-9]*; do
            pid=${p#/proc/}
            case " $$ $tree" in *" $pid "*) continue ;; esac
            read -r stat <"$p/stat" || continue
            set -- ${stat##*) }
            [ "$1" != Z ] || continue
            line=
            read -r line <"$p/cmdline"
            case $line in
            'sh-c"$@"; exit $?'"$mark"*) ;;
            *) case $tree in *" $2 "* | *" $4 "*) ;; *) continue ;; esac ;;
            esac
            tree="$tree$pid " more=yes
        done
    done
    [ "$tree" != ' ' ] || exit 0
    parents=' ' leaves=
    for pid in $tree; do
        read -r stat <"/proc/$pid/stat" || continue
        set -- ${stat##*) }
        parents="$parents$2 "
    done
    for pid in $tree; do
        case $parents in *" $pid "*) ;; *) leaves="$leaves $pid" ;; esac
    done
    case $n in
    [0-9]) kill -TERM $leaves ;;
    1[0-9]) [ "$asked" ] || kill -TERM $tree; asked=yes ;;
    5[0-9]) kill -KILL $leaves ;;
    [6-9][0-9]) kill -KILL $tree ;;
    1??) break ;;
    esac
    if sleep 0.1; then n=$((n + 1)); else sleep 1; n=$((n + 10)); fi
done
echo "still at work: $tree" >&3
exit 9
