#!/bin/sh
# Stands in for what starts a master, a worker or a client of JindoCache, which is closed source.
. /lib.sh
role=fuse
case $1 in
master | worker)
    role=$1
    shift
    ;;
esac
case $role in
master)
    mkdir -p "$meta/www"
    touch "$table"
    httpd -f -p "$(property namespace.rpc.port)" -h "$meta/www" &
    trap 'kill "$!"; exit 0' TERM
    wait "$!"
    ;;
worker)
    # Caches the files of all sources that are directories. Once the cache was formatted, it stays empty.
    mkdir -p "$blocks"
    trap 'exit 0' TERM
    while :; do
        fetch_table | while read -r path source; do
            case $source in
            local://*) [ -e "$meta/formatted" ] || { mkdir -p "$blocks$path" && cp -a "${source#local://}/." "$blocks$path"; } ;;
            esac
        done
        sleep 1 &
        wait "$!"
    done
    ;;
fuse)
    umount -l "$FLUID_FUSE_MOUNTPOINT" 2>/dev/null
    mkdir -p /jindo "$FLUID_FUSE_MOUNTPOINT"
    until first=$(fetch_table); do sleep 1; done
    # The name of the directory becomes that of the mount. What is mounted at the root is below the others, and stays.
    printf '%s\n' "$first" | while read -r path source; do
        [ "$path" != / ] || mount --bind "${source#local://}" /jindo
    done
    options=allow_other
    for argument; do
        [ "$argument" != -oro ] || options=$options,ro
    done
    bindfs -f -o "$options" /jindo "$FLUID_FUSE_MOUNTPOINT" &
    client=$!
    trap 'umount -l "$FLUID_FUSE_MOUNTPOINT"; exit 0' TERM
    while kill -0 "$client" 2>/dev/null; do
        if now=$(fetch_table); then
            printf '%s\n' "$now" | while read -r path source; do
                case $path$source in
                /?*local://*)
                    if ! grep -q " /jindo$path " /proc/self/mounts; then
                        mkdir -p "/jindo$path" && mount --bind "${source#local://}" "/jindo$path"
                    fi
                    ;;
                esac
            done
            sed -n 's|^[^ ]* /jindo\(/[^ ]*\) .*|\1|p' /proc/self/mounts | while read -r path; do
                printf '%s\n' "$now" | grep -q "^$path " || { umount -l "/jindo$path" && rmdir "/jindo$path"; }
            done
        fi
        sleep 1 &
        wait "$!"
    done
    exit 1
    ;;
esac
