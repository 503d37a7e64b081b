#!/bin/bash
# Sourced by the scripts of data operations: the settings of the runtime, and how a script ends.
say() { printf '%s\n' "$*"; }
# The last words of the pod, which the status of the operation shows.
leave() { printf '%s' "$1" > /dev/termination-log 2> /dev/null || :; }
# Exit code 64: another attempt is of no use.
give_up() {
    say "$1"
    leave "$1"
    exit 64
}
fail() {
    say "$1"
    leave "$1"
    exit 1
}
# The last line of a text that is none of the client's own log.
last() {
    local line words=
    while IFS= read -r line; do
        [[ $line != *[![:space:]]* || $line =~ ^[0-9-]+T[0-9:,.]+\ +(INFO|WARN|DEBUG)\  ]] || words=$line
    done <<< "$1"
    printf '%s' "${words:-nothing was said}"
}

# A server's start script would expand this.
# shellcheck disable=SC2016
ALLUXIO_JAVA_OPTS=${ALLUXIO_JAVA_OPTS//'${ALLUXIO_CLIENT_HOSTNAME}'/$ALLUXIO_CLIENT_HOSTNAME}
# Alluxio believes its clients who they are, and lets the user of its own processes do everything.
[ -z "${LOGIN:-}" ] || ALLUXIO_JAVA_OPTS+=" -Dalluxio.security.login.username=$LOGIN"
export ALLUXIO_JAVA_OPTS
