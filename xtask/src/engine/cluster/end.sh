# ends every program that has the folder of this name among its arguments
case $TRIAL_FOLDER in
db-tasks-trial-?*) ;;
*) exit 2 ;;
esac
found() {
    if [ -r /proc/self/cmdline ]; then
        printf '%s\n' "$TRIAL_FOLDER" | grep -slF -f - /proc/[0-9]*/cmdline | while IFS=/ read -r _ _ pid _; do echo "$pid"; done
    else
        ps -A -o pid= -o args= | awk 'index($0, ENVIRON["TRIAL_FOLDER"]) { print $1 }'
    fi
}
n=0
while pids=$(found) && [ "$pids" ]; do
    case $n in
    0) kill -TERM $pids 2>/dev/null ;;
    # a server takes the first for a wish
    3) kill -QUIT $pids 2>/dev/null ;;
    50) kill -KILL $pids 2>/dev/null ;;
    100) echo "still at work: $pids" >&2; exit 9 ;;
    esac
    sleep 0.1 2>/dev/null || sleep 1
    n=$((n + 1))
done
exit 0
