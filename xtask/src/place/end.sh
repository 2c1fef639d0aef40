exec 3>&2 2>/dev/null
mark=$1 tree=' ' n=0
read -r line <"/proc/$$/cmdline"
case $line in sh-c*) ;; *) echo "the processes can't be read in /proc" >&3; exit 8 ;; esac
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
    [ $n != 0 ] || kill -TERM $tree
    [ $n -lt 50 ] || kill -KILL $tree
    [ $n -lt 80 ] || break
    if sleep 0.1; then n=$((n + 1)); else sleep 1; n=$((n + 10)); fi
done
echo "still at work: $tree" >&3
exit 9
