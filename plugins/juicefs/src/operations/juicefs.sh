#!/bin/sh
# Sourced by the scripts of data operations, which say in summary what the last line of a success has.
say() { printf '%s\n' "$*"; }
# The last words of the pod, which the status of the operation shows.
leave() { printf '%s' "$1" > /dev/termination-log 2> /dev/null || :; }
# Exit code 64: another attempt is of no use.
give_up() {
    say "$1"
    leave "$1"
    exit 64
}

# Exit code 1: another pod may have another mount.
fail() {
    say "$1"
    leave "$1"
    exit 1
}

# Ends the script if this exit code is that of a command which took too long. Busybox and the GNU tools have different
# ones.
check_time() {
    if [ -n "${TIMEOUT:-}" ] && { [ "$1" -eq 124 ] || [ "$1" -eq 143 ]; }; then
        give_up "it took longer than $TIMEOUT seconds; change the option timeout"
    fi
}

# What runs gets the signal that ends the pod as well.
trap 'trap - TERM; kill 0; exit 143' TERM INT

# Says every few seconds how far it is, as the function measure of the script prints it. The operator reads these
# lines. What cannot be measured is not said.
meter() {
    while sleep "${PROGRESS_EVERY:-5}" > /dev/null 2>&1; do
        figures=$(measure 2> /dev/null) || continue
        [ -z "$figures" ] || say "progress $figures"
    done
}
start_meter() {
    meter &
    meter=$!
}
stop_meter() {
    # A shell that was just started may take any other signal for one of its parent's, and drop it.
    kill -KILL "$meter" 2> /dev/null || :
    wait "$meter" 2> /dev/null || :
}

# Runs JuiceFS with these arguments, shows what it says, and sets said to the line of the summary. What fails ends
# the script.
juicefs() {
    kept=$(mktemp -d)
    start_meter
    {
        code=0
        if [ -n "${TIMEOUT:-}" ]; then
            timeout "$TIMEOUT" "$JUICEFS" "$@" || code=$?
        else
            "$JUICEFS" "$@" || code=$?
        fi
        printf '%s' "$code" > "$kept/code"
    } 2>&1 | while IFS= read -r line; do
        say "$line"
        case $line in
            *"<FATAL>: "* | *"<ERROR>: "*) printf '%s' "$line" > "$kept/fault" ;;
            *" metrics listening on "*)
                address=${line##*" metrics listening on "}
                # Some versions put it in quotes.
                address=${address#\"}
                printf '%s' "${address%%[\" ]*}" > "$kept/address"
                ;;
            *"$summary"*) printf '%s' "$line" > "$kept/said" ;;
        esac
    done &
    wait $!
    stop_meter
    code=$(cat "$kept/code" 2> /dev/null || echo 1)
    said=$(cat "$kept/said" 2> /dev/null || :)
    fault=$(cat "$kept/fault" 2> /dev/null || :)
    rm -rf "$kept"
    [ "$code" -ne 0 ] || return 0
    check_time "$code"
    fault=${fault#*">: "}
    leave "juicefs ended with exit code $code: ${fault%" ["*".go:"*}"
    exit "$code"
}
