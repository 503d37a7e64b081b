#!/bin/sh
# Brings files of a mounted dataset into its cache by reading them. The arguments are paths from the
# root of the dataset. Exit code 64: another attempt is of no use.
set -eu

say() { printf '%s\n' "$*"; }
# The last words of the pod, which the status of the operation shows.
leave() { printf '%s' "$*" > "${TERMINATION_LOG:-/dev/termination-log}" 2> /dev/null || true; }
give_up() {
    say "$*"
    leave "$*"
    exit 64
}

[ $# -gt 0 ] || set -- /
for path; do
    target=$MOUNT/${path#/}
    [ -e "$target" ] || give_up "the path $path does not exist in the dataset"
done

# Readers get the signal that ends the pod as well.
trap 'trap - TERM; kill 0; exit 143' TERM INT

# Lists a directory for its metadata, and prints the numbers of files and bytes in it if there is awk.
count() {
    if command -v awk > /dev/null 2>&1; then
        { ls -lnR "$1" || say "failed $$"; } | awk -v failed="failed $$" '
            $0 == failed { bad = 1 }
            /^-/ && $5 > 0 { files++; bytes += $5 }
            END { if (bad) exit 1; printf "%.0f %.0f\n", files, bytes }'
    else
        ls -lR "$1" > /dev/null
    fi
}
total_files=0 total_bytes=0 totals=
if [ "${NEED_LOAD_METADATA:-false}" = true ]; then
    for path; do
        say "reading the metadata of $path"
        found=$(count "$MOUNT/${path#/}")
        if [ -n "$found" ]; then
            total_files=$((total_files + ${found% *})) total_bytes=$((total_bytes + ${found#* }))
            totals=" total-files=$total_files total-bytes=$total_bytes"
        fi
    done
fi

# Sums up lines of files and bytes, and says now and then how far that is. The operator reads these
# lines. The last line of the input is the exit code. Arguments: files and bytes of before.
follow() {
    files=$1 bytes=$2 said=$(date +%s)
    while read -r more size; do
        if [ "$more" = end ]; then
            printf '%s %s\n' "$files" "$bytes" > "$kept"
            return "$size"
        fi
        files=$((files + more)) bytes=$((bytes + size)) now=$(date +%s)
        if [ $((now - said)) -ge "${PROGRESS_EVERY:-5}" ]; then
            say "progress files=$files bytes=$bytes$totals"
            said=$now
        fi
    done
    return 1
}

# Without a directory for it, the paths are counted one by one.
kept=$(mktemp) || kept=/dev/null
files=0 bytes=0
for path; do
    target=$MOUNT/${path#/}
    say "loading $path"
    # What has no size has nothing to load; logs that file systems add are among it, and never end.
    {
        code=0
        find "$target" -type f -size +0 -print0 | xargs -0 -r -n 32 -P "$THREADS" sh -c '
            for file; do cat -- "$file" > /dev/null || exit 255; done
            bytes=0
            for size in $(stat -c %s -- "$@" 2> /dev/null); do bytes=$((bytes + size)); done
            echo "$# $bytes"' sh || code=$?
        echo "end $code"
    } | follow "$files" "$bytes" &
    wait $!
    read -r files bytes < "$kept" || files=0 bytes=0
    say "loaded $path"
done
[ "$kept" = /dev/null ] || rm -f "$kept"
leave "files=$files
bytes=$(awk -v bytes="$bytes" 'BEGIN {
    split("B KiB MiB GiB TiB PiB", units)
    for (at = 1; bytes >= 1024 && at < 6; at++) bytes /= 1024
    printf "%.2f %s", bytes, units[at] }' 2> /dev/null || say "$bytes B")"
say "all is loaded"
