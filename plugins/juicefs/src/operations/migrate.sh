#!/bin/sh
# Copies what is in FROM and not yet in TO. The arguments are options of `juicefs sync`; DELETES says that they delete
# files. SOURCE is what FROM means of a volume, if it is one, and AUTH a script that lets the client into the file
# system. UNCERTAIN says that FROM may be a file, and is taken for a directory since TO is one.
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

if [ -n "${SOURCE:-}" ]; then
    name=${SOURCE#/mnt/fluid-native}
    if [ -d "$SOURCE" ]; then
        FROM=${FROM%/}/ TO=${TO%/}/
    elif [ ! -f "${SOURCE%/}" ]; then
        give_up "there is no ${name%/} in the volume to copy from"
    elif [ -n "${DELETES:-}" ]; then
        give_up "${name%/} is a file, and files are deleted next to directories only"
    else
        FROM=${FROM%/}
        case $TO in */) TO=$TO${FROM##*/} ;; esac
    fi
fi
[ -z "${AUTH:-}" ] || sh "$AUTH"
juicefs sync "$@" "$FROM" "$TO"
found=${said##*"$summary"}
if [ -n "${UNCERTAIN:-}" ] && [ "${found%%,*}" = 0 ]; then
    give_up "there is nothing below ${FROM##*://}; if it is a file, write its name at both ends, without a / behind it"
fi
copied=${said##*" copied: "}
bytes=${copied#*"("}
leave "files=${copied%%" "*}
bytes=${bytes%%")"*}"
