#!/bin/bash
# Has the leading master save its metadata in the directory that its pod shares with this one, and brings them to
# TARGET, with the sizes that a master which starts from them shows.
set -eu
. /fluid-scripts/client.sh
shared=/alluxio_backups
name=metadata-backup-$DATASET_NAME-$DATASET_NAMESPACE.gz
sizes=$DATASET_NAME-$DATASET_NAMESPACE.yaml

# Of a run that was killed; only one backup is made at a time.
clean() { rm -f -- "$shared"/alluxio-backup-* "$TARGET/.$name" "$TARGET/.$sizes"; }
trap clean EXIT
trap 'exit 143' TERM INT
said=$(mkdir -p -- "$TARGET" 2>&1) || fail "the directory for the backup cannot be made: $(last "$said")"
clean
# The master need not be root.
chown -- "$OWNER" "$shared"

# A master learns of what nobody has listed yet by being asked for the sizes, which makes it part of the backup.
said=$(alluxio fs count / 2>&1) || fail "alluxio fs count: $(last "$said")"
read -r files _ bytes <<< "$(last "$said")"
case $files$bytes in '' | *[!0-9]*) fail "alluxio fs count prints no sizes: $(last "$said")" ;; esac

said=$(alluxio fsadmin backup "$shared" --local 2>&1) || fail "alluxio fsadmin backup: $(last "$said")"
say "$said"
[[ $said =~ alluxio-backup-[A-Za-z0-9._-]+\.gz ]] || fail "alluxio fsadmin backup names no file: $(last "$said")"
file=$shared/${BASH_REMATCH[0]}
[ -f "$file" ] || fail "the backup is not on this node: the masters have another leader now, or the pod of the master \
is older than its volume for backups and has to be deleted once"

said=$(cp -- "$file" "$TARGET/.$name" 2>&1) || fail "the backup cannot be written: $(last "$said")"
printf 'dataset: %s\nnamespace: %s\nufstotal: %s\nfilenum: %s\n' "$DATASET_NAME" "$DATASET_NAMESPACE" "$bytes" "$files" \
    > "$TARGET/.$sizes"
# A volume may have users of its own, whoever writes.
said=$(chown -- "$RUN_AS" "$TARGET/.$name" "$TARGET/.$sizes" 2>&1) || say "the backup stays as it was written: $(last "$said")"
mv -f -- "$TARGET/.$name" "$TARGET/$name"
mv -f -- "$TARGET/.$sizes" "$TARGET/$sizes"
say "saved as $name"
leave "files=$files"
