#!/bin/bash
# Has the workers load files into their cache. The arguments are pairs: the number of copies, and the path.
set -eu
. /fluid-scripts/client.sh

# A missing path is found before anything is loaded.
for ((at = 2; at <= $#; at += 2)); do
    path=${!at}
    found=$(alluxio fs stat "$path" 2>&1) || case $found in
        *"does not exist"*) give_up "the path $path does not exist in the dataset" ;;
        *) fail "alluxio fs stat $path: $(last "$found")" ;;
    esac
done

# Shows the lines of a load, and says now and then of how many files it has told. The operator reads these lines. The
# argument is the number of files before.
follow() {
    local files=$1 said=$SECONDS line
    while IFS= read -r line; do
        printf '%s\n' "$line"
        # What follows is how to use the others.
        [[ $line != *"$UNKNOWN"* ]] || { cat > /dev/null && return; }
        say "$line" >&3
        [[ $line != *"uccessfully loaded path"* ]] || files=$((files + 1))
        if ((SECONDS - said >= ${PROGRESS_EVERY:-5} && files > 0)); then
            say "progress files=$files" >&3
            said=$SECONDS
        fi
    done
}
# How many files the lines of a load tell of.
loaded() { grep -c 'uccessfully loaded path' <<< "$1" || :; }

# Since 2.9.4 the masters keep the loads themselves, and the command above is gone.
UNKNOWN="distributedLoad is an unknown command"
# A value of the JSON that says how far such a load is; 0 if it is not there.
value() {
    local pattern="\"$2\":\"?([A-Z0-9]+)"
    [[ $1 =~ $pattern ]] && printf '%s' "${BASH_REMATCH[1]}" || printf 0
}
# Loads a path this way, and says how far it is.
load_kept() {
    local path=$1 told state
    # Whoever deletes the operation wants no more of it.
    trap 'alluxio fs load "$path" --stop > /dev/null 2>&1 || :; exit 143' TERM
    told=$(alluxio fs load "$path" --submit 2>&1) || fail "alluxio fs load $path --submit: $(last "$told")"
    while :; do
        told=$(alluxio fs load "$path" --progress --format JSON 2>&1) ||
            fail "alluxio fs load $path --progress: $(last "$told")"
        state=$(value "$told" mJobState)
        say "progress files=$((files + $(value "$told" mProcessedFileCount))) bytes=$((bytes + $(value "$told" mLoadedByteCount)))"
        case $state in
            SUCCEEDED) break ;;
            CREATED | RUNNING | VERIFYING) sleep "${PROGRESS_EVERY:-5}" ;;
            *) fail "loading $path ended as $state: $(last "$told")" ;;
        esac
    done
    trap - TERM
    files=$((files + $(value "$told" mProcessedFileCount)))
    bytes=$((bytes + $(value "$told" mLoadedByteCount)))
    [ "$(value "$told" mFailedFileCount)" = 0 ] || fail "loading $path failed: $(last "$told")"
}

exec 3>&1
files=0 bytes=0 kept=
while [ $# -gt 1 ]; do
    replicas=$1 path=$2
    shift 2
    if [ "$NEED_LOAD_METADATA" = true ]; then
        say "reading the metadata of $path"
        ALLUXIO_JAVA_OPTS="$ALLUXIO_JAVA_OPTS -Dalluxio.user.file.metadata.sync.interval=0" \
            alluxio fs ls -R "$path" > /dev/null || fail "the metadata of $path could not be read"
    fi
    said=$(alluxio fs setReplication --max "$replicas" -R "$path" 2>&1) ||
        fail "alluxio fs setReplication on $path: $(last "$said")"
    say "loading $path"
    if [ -z "$kept" ]; then
        said=$(
            alluxio fs distributedLoad --replication "$replicas" "$path" 2>&1 | follow "$files"
            exit "${PIPESTATUS[0]}"
        ) || [[ $said == *"$UNKNOWN"* ]] || fail "alluxio fs distributedLoad on $path: $(last "$said")"
        [[ $said != *"$UNKNOWN"* ]] || kept=true
    fi
    if [ -n "$kept" ]; then
        [ "$replicas" = 1 ] || say "this Alluxio loads one copy of each file, and makes others when they are read elsewhere"
        load_kept "$path"
    else
        files=$((files + $(loaded "$said")))
        # The command itself ends well whatever becomes of the files.
        [[ ! $said =~ [Ff]ailed\ ([a-z]+\ )?count\ is\ ([1-9][0-9]*) ]] ||
            fail "loading $path failed: $(last "$said")"
    fi
    say "loaded $path"
done
[ "$files" = 0 ] || leave "files=$files"
say "all is loaded"
