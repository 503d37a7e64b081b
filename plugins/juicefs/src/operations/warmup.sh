#!/bin/sh
# Brings files of a mounted file system into the cache that this node uses. The arguments are options of `juicefs
# warmup`, and then paths.
set -eu
summary=" files ("
. /fluid-scripts/juicefs.sh

# If so many files in a row cannot be read, no other will be.
MOST_IN_A_ROW=100
# How many of those that cannot be read are named in the log.
NAMED=10

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

# A mount whose client has ended has no paths, and those below are not missing.
problem=$(ls -a "$MOUNT" 2>&1 > /dev/null) || fail "the mount of the dataset cannot be read: $problem"
# A missing path is found before anything is loaded.
for word; do
    case $word in
        --*) continue ;;
    esac
    [ -e "$word" ] || give_up "the path ${word#"$MOUNT"} does not exist in the dataset"
    if [ "$NEED_LOAD_METADATA" = true ]; then
        say "reading the metadata of $word"
        # What cannot be listed, or goes meanwhile, is left to the reading.
        ls -HlR "$word" > /dev/null || :
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
# The names of what cannot be read, a line for each file in a row that cannot, why the rest is left, and the sizes of
# what was read.
READ=$(mktemp -d)
export READ MOST_IN_A_ROW
for file in unread row stopped errors sizes; do
    : > "$READ/$file"
done

# Says what cannot be read, and sets words to how much it is.
unread() {
    unread=0 first= words=
    while IFS= read -r line; do
        unread=$((unread + 1))
        [ -n "$first" ] || first=$line
        [ "$unread" -gt "$NAMED" ] || say "cannot be read: $line"
    done < "$READ/unread"
    [ "$unread" -eq 0 ] || words="$unread files or directories could not be read; the first: $first"
}

start_meter
[ -z "${TIMEOUT:-}" ] || ends=$(($(date +%s) + TIMEOUT))
for word; do
    case $word in
        --*) continue ;;
    esac
    say "loading $word"
    rest=
    if [ -n "${TIMEOUT:-}" ]; then
        rest=$((ends - $(date +%s)))
        [ "$rest" -gt 0 ] || rest=1
    fi
    # A path may be a link. What the mount itself adds has no size, and reading its log would never end. A file that has
    # gone meanwhile is not missed. The rest is read even if one cannot be, but not if none can.
    find -H "$word" -path "$MOUNT/.trash" -prune -o -type f -size +0 -print0 2> "$READ/errors" |
        ${rest:+timeout "$rest"} xargs -0 -r -n 32 -P "$THREADS" sh -c '
            stop() {
                echo "$*" >> "$READ/stopped"
                exit 255
            }
            looked=
            for file; do
                if said=$(cat -- "$file" 2>&1 > /dev/null); then
                    [ ! -s "$READ/row" ] || : > "$READ/row"
                    continue
                fi
                case $said in
                    *"No such file or directory"*) continue ;;
                esac
                printf "%s\n" "$(printf %s "${file#"$MOUNT"}" | tr "\n" "?")" >> "$READ/unread"
                echo >> "$READ/row"
                [ -n "$looked" ] || ls -a "$MOUNT" > /dev/null 2>&1 ||
                    stop "the mount of the dataset cannot be read any more"
                looked=true
                [ "$(wc -l < "$READ/row")" -lt "$MOST_IN_A_ROW" ] ||
                    stop "$MOST_IN_A_ROW files in a row could not be read, so the rest was left"
            done
            stat -c %s -- "$@" >> "$READ/sizes" 2> /dev/null || :' sh &
    wait $! || {
        code=$?
        stop_meter
        # Several may have said it, and some still do.
        if IFS= read -r stopped < "$READ/stopped"; then
            unread
            fail "$stopped; $words"
        fi
        check_time "$code"
        leave "reading ${word#"$MOUNT"} failed with exit code $code"
        exit "$code"
    }
    while read -r line; do
        case $line in
            *"No such file or directory"*) ;;
            *) say "$line" >> "$READ/unread" ;;
        esac
    done < "$READ/errors"
    say "loaded $word"
done
stop_meter
unread
[ "$unread" -eq 0 ] || fail "$words"
leave "$(awk '{ bytes += $1 } END { printf "files=%.0f\nbytes=%.0f", NR, bytes }' "$READ/sizes" 2> /dev/null || :)"
