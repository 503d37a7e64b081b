#!/bin/sh
# Brings files of a mounted file system into the cache that this node uses. The arguments are options of `juicefs
# warmup`, and then paths.
set -eu
summary=" files ("
. /fluid-scripts/juicefs.sh

# What the client has written to the cache of this node, whoever made it. A mount has this file in its root.
written() {
    for stats in "$MOUNT/.stats" "$MOUNT/.jfs.stats"; do
        [ ! -r "$stats" ] || awk '$1 == "juicefs_blockcache_write_bytes" { printf "%.0f", $2 }' "$stats"
    done
}
measure() {
    now=$(written)
    [ -z "$now" ] || printf 'bytes=%s' "$((now - before))"
}

# A missing path is found before anything is loaded.
for word; do
    case $word in
        --*) continue ;;
    esac
    [ -e "$word" ] || give_up "the path ${word#"$MOUNT"} does not exist in the dataset"
    if [ "$NEED_LOAD_METADATA" = true ]; then
        say "reading the metadata of $word"
        # What cannot be listed, or goes meanwhile, is left to the reading.
        ls -lR "$word" > /dev/null || :
    fi
done

before=$(written 2> /dev/null) || :
# JuiceFS is told through a file of the mount what to load, which a mount for reading only does not take.
if [ -w "$MOUNT/.control" ] || [ -w "$MOUNT/.jfs.control" ]; then
    juicefs warmup "$@"
    files=${said%%" files ("*}
    bytes=${said##*" files ("}
    leave "files=${files##* }
bytes=${bytes%%" bytes"*}"
    exit 0
fi
say "the mount is for reading only, so the files are read"
# The words of programs about files that have gone are looked for.
export LC_ALL=C
UNREAD=$(mktemp)
errors=$(mktemp)
export UNREAD
start_meter
for word; do
    case $word in
        --*) continue ;;
    esac
    say "loading $word"
    # What the mount itself adds has no size, and reading its log would never end. A file that has gone meanwhile is
    # not missed. The rest is read even if one cannot be.
    find "$word" -path "$MOUNT/.trash" -prune -o -type f -size +0 -print0 2> "$errors" |
        ${TIMEOUT:+timeout "$TIMEOUT"} xargs -0 -r -n 32 -P "$THREADS" sh -c '
            for file; do
                said=$(cat -- "$file" 2>&1 > /dev/null) || case $said in
                    *"No such file or directory"*) ;;
                    *) printf "%s\n" "$(printf %s "${file#"$MOUNT"}" | tr "\n" "?")" >> "$UNREAD" ;;
                esac
            done' sh &
    wait $! || {
        code=$?
        stop_meter
        check_time "$code"
        leave "reading ${word#"$MOUNT"} failed with exit code $code"
        exit "$code"
    }
    while read -r line; do
        case $line in
            *"No such file or directory"*) ;;
            *) say "$line" >> "$UNREAD" ;;
        esac
    done < "$errors"
    say "loaded $word"
done
stop_meter
if [ -s "$UNREAD" ]; then
    unread=0 first=
    while IFS= read -r line; do
        say "cannot be read: $line"
        unread=$((unread + 1))
        [ -n "$first" ] || first=$line
    done < "$UNREAD"
    leave "$unread files or directories could not be read; the first: $first"
    exit 1
fi
