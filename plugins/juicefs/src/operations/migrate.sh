#!/bin/sh
# Copies what is in FROM and not yet in TO. The arguments are options of `juicefs sync`. SOURCE is the directory of a
# volume that FROM means, if it is one, and AUTH a script that lets the client into the file system.
set -eu
summary="Found: "
. /fluid-scripts/juicefs.sh

# JuiceFS has the figures for those who ask, and prints them only for a terminal.
measure() {
    address=http://$(cat "$kept/address")/metrics || return 1
    { curl -s -m 3 --noproxy '*' "$address" || http_proxy='' wget -q -T 3 -O - "$address"; } | awk '
        /^juicefs_sync_copied[{ ]/ { files = $NF }
        /^juicefs_sync_copied_bytes[{ ]/ { bytes = $NF }
        END { if (files != "") printf "files=%.0f bytes=%.0f", files, bytes }'
}

if [ -n "${SOURCE:-}" ] && [ ! -d "$SOURCE" ]; then
    give_up "there is no directory ${SOURCE#/mnt/fluid-native} in the volume to copy from"
fi
[ -z "${AUTH:-}" ] || sh "$AUTH"
juicefs sync "$@" "$FROM" "$TO"
copied=${said##*" copied: "}
bytes=${copied#*"("}
leave "files=${copied%%" "*}
bytes=${bytes%%")"*}"
