# What the masters' programs do where MASTER says that they do not answer: sourced by each of them.
case "${MASTER:-}" in
hung)
    # Until whoever called has long given up, or the cluster has ended.
    tries=0
    while [ "$tries" -lt 24 ] && kill -0 "$PPID" 2>/dev/null; do
        sleep 5
        tries=$((tries + 1))
    done
    exit 1
    ;;
dead)
    echo "${0##*/}: connection refused" >&2
    exit 1
    ;;
esac
