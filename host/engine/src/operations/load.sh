#!/bin/sh
# Brings files of a mounted dataset into its cache by reading them. The arguments are paths from the
# root of the dataset. Exit code 64: another attempt is of no use.
set -eu

say() { printf '%s\n' "$*"; }
give_up() {
    say "$*"
    printf '%s' "$*" > "${TERMINATION_LOG:-/dev/termination-log}" 2> /dev/null || true
    exit 64
}

[ $# -gt 0 ] || set -- /
for path; do
    target=$MOUNT/${path#/}
    [ -e "$target" ] || give_up "the path $path does not exist in the dataset"
done

# Readers get the signal that ends the pod as well.
trap 'trap - TERM; kill 0; exit 143' TERM INT

for path; do
    target=$MOUNT/${path#/}
    if [ "${NEED_LOAD_METADATA:-false}" = true ]; then
        say "reading the metadata of $path"
        ls -lR "$target" > /dev/null
    fi
    say "loading $path"
    # What has no size has nothing to load; logs that file systems add are among it, and never end.
    find "$target" -type f -size +0 -print0 | xargs -0 -r -n 32 -P "$THREADS" sh -c '
        for file; do cat -- "$file" > /dev/null || exit 255; done' sh &
    wait $!
    say "loaded $path"
done
say "all is loaded"
