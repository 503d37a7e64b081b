# What the masters' programs do where MASTER says that they do not answer, or not to everything: sourced by each of them.
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
blind)
    # They serve, and see nothing of their data sources.
    case "$*" in
    "fs loadMetadata"* | "fs count"*)
        echo "${0##*/}: the data source does not answer" >&2
        exit 1
        ;;
    esac
    ;;
dead)
    echo "${0##*/}: connection refused" >&2
    exit 1
    ;;
esac
