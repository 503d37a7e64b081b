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

exec 3>&1
files=0
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
    said=$(
        alluxio fs distributedLoad --replication "$replicas" "$path" 2>&1 | follow "$files"
        exit "${PIPESTATUS[0]}"
    ) || fail "alluxio fs distributedLoad on $path: $(last "$said")"
    files=$((files + $(loaded "$said")))
    # The command itself ends well whatever becomes of the files.
    [[ ! $said =~ [Ff]ailed\ ([a-z]+\ )?count\ is\ ([1-9][0-9]*) ]] ||
        fail "loading $path failed: $(last "$said")"
    say "loaded $path"
done
say "all is loaded"
