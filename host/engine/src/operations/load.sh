#!/bin/sh
# Brings files of a mounted dataset into its cache by reading them. The arguments are paths from the
# root of the dataset. Exit code 64: another attempt is of no use.
set -eu
# The words of programs about files that have gone are looked for.
export LC_ALL=C

say() { printf '%s\n' "$*"; }
# The last words of the pod, which the status of the operation shows.
leave() { printf '%s' "$*" > "${TERMINATION_LOG:-/dev/termination-log}" 2> /dev/null || true; }
give_up() {
    say "$*"
    leave "$*"
    exit 64
}
# Exit code 1: another pod may have another mount.
fail() {
    say "$*"
    leave "$*"
    exit 1
}

# If so many files in a row cannot be read, no other will be.
MOST_IN_A_ROW=100
# How many of those that cannot be read are named in the log.
NAMED=10
# Codes by which a load ends early: the mount is dead, or too many files in a row cannot be read.
DEAD=200 IN_A_ROW=201

# A mount whose client has ended has no paths, and those below are not missing.
problem=$(ls -a "$MOUNT" 2>&1 > /dev/null) || fail "the mount of the dataset cannot be read: $problem"

[ $# -gt 0 ] || set -- /
for path; do
    target=$MOUNT/${path#/}
    [ -e "$target" ] || give_up "the path $path does not exist in the dataset"
done

# Readers get the signal that ends the pod as well.
trap 'trap - TERM; kill 0; exit 143' TERM INT

# Lists a directory for its metadata, and prints the numbers of files and bytes in it if there is awk. What cannot
# be listed, or goes meanwhile, is left to the reading.
count() {
    if command -v awk > /dev/null 2>&1; then
        { ls -HlnR "$1" || :; } | awk '
            /^-/ && $5 > 0 { files++; bytes += $5 }
            END { printf "%.0f %.0f\n", files, bytes }'
    else
        ls -HlR "$1" > /dev/null || :
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
# lines. Lines of what cannot be read have its name. The last line of the input is the exit code. Arguments: files,
# bytes and what could not be read before, and the name of the first of these. Whoever writes the input ends when
# this does.
follow() {
    files=$1 bytes=$2 unread=$3 first=$4 row=0 said=$(date +%s)
    while read -r more size; do
        case $more in
            end)
                [ "$unread" -eq "$3" ] || size=1
                keep "$size"
                return
                ;;
            unread | unlisted)
                unread=$((unread + 1))
                [ -n "$first" ] || first=$size
                [ "$unread" -gt "$NAMED" ] || say "cannot be read: $size"
                [ "$more" = unlisted ] || row=$((row + 1))
                if [ "$row" -ge "$MOST_IN_A_ROW" ]; then
                    keep "$IN_A_ROW"
                    return
                fi
                continue
                ;;
            read)
                row=0
                continue
                ;;
            dead)
                keep "$DEAD"
                return
                ;;
        esac
        [ "$more" -eq 0 ] || row=0
        files=$((files + more)) bytes=$((bytes + size)) now=$(date +%s)
        if [ $((now - said)) -ge "${PROGRESS_EVERY:-5}" ]; then
            say "progress files=$files bytes=$bytes$totals"
            said=$now
        fi
    done
    return 1
}
# Hands over what was counted, and returns this code.
keep() {
    printf '%s %s %s %s\n' "$files" "$bytes" "$unread" "$first" > "$kept"
    return "$1"
}

# Prints lines for the directories that could not be listed. One that has gone meanwhile is not missed.
unlisted() {
    while read -r line; do
        case $line in
            *'No such file or directory'*) ;;
            *) say "unlisted $line" ;;
        esac
    done < "$errors"
}

# Without a directory for it, the paths are counted one by one.
kept=$(mktemp) || kept=/dev/null
errors=$(mktemp) || errors=/dev/null
files=0 bytes=0 unread=0 first= failed=0 words= stopped=
for path; do
    target=$MOUNT/${path#/}
    say "loading $path"
    {
        code=0
        # A path may be a link. What has no size has nothing to load; logs that file systems add are among it, and
        # never end. A file that has gone meanwhile is not missed. The rest is read even if one cannot be.
        find -H "$target" -type f -size +0 -print0 2> "$errors" | xargs -0 -r -n 32 -P "$THREADS" sh -c '
            left=$# read= looked=
            while [ "$left" -gt 0 ]; do
                file=$1 left=$((left - 1))
                shift
                if said=$(cat -- "$file" 2>&1 > /dev/null); then
                    set -- "$@" "$file"
                    read=true
                    continue
                fi
                case $said in
                    *"No such file or directory"*) continue ;;
                esac
                [ -z "$read" ] || echo read
                read=
                printf "unread %s\n" "$(printf %s "${file#"$MOUNT"}" | tr "\n" "?")"
                if [ -z "$looked" ] && ! ls -a "$MOUNT" > /dev/null 2>&1; then
                    echo dead
                    exit 255
                fi
                looked=true
            done
            bytes=0
            for size in $(stat -c %s -- "$@" 2> /dev/null); do bytes=$((bytes + size)); done
            echo "$# $bytes"' sh || code=$?
        unlisted
        echo "end $code"
    } | follow "$files" "$bytes" "$unread" "$first" &
    code=0
    wait $! || code=$?
    read -r files bytes unread first < "$kept" || files=0 bytes=0 unread=0 first=
    case $code in
        0) say "loaded $path" ;;
        "$DEAD") stopped="the mount of the dataset cannot be read any more" ;;
        "$IN_A_ROW") stopped="$MOST_IN_A_ROW files in a row could not be read, so the rest was left" ;;
        *)
            failed=$code words="loading $path failed with exit code $code"
            say "$words"
            ;;
    esac
    [ -z "$stopped" ] || break
done
for file in "$kept" "$errors"; do
    [ "$file" = /dev/null ] || rm -f "$file"
done
[ "$unread" -eq 0 ] || words="$unread files or directories could not be read; the first: $first"
[ -z "$stopped" ] || fail "$stopped${words:+; $words}"
if [ "$failed" -ne 0 ]; then
    say "$words"
    leave "$words"
    exit "$failed"
fi
leave "files=$files
bytes=$(awk -v bytes="$bytes" 'BEGIN {
    split("B KiB MiB GiB TiB PiB", units)
    for (at = 1; bytes >= 1024 && at < 6; at++) bytes /= 1024
    printf "%.2f %s", bytes, units[at] }' 2> /dev/null || say "$bytes B")"
say "all is loaded"
