{{/* Starts what the image starts, with the values of Secrets in place of the files that properties name. */}}
{{- define "alluxio.entrypointScript" -}}
#!/bin/bash
set -e
options=
for option in ${ALLUXIO_JAVA_OPTS-}; do
  case $option in
    -D*=/etc/fluid/secrets/*) option="${option%%=*}=$(cat "${option#*=}")" ;;
  esac
  options="$options $option"
done
export ALLUXIO_JAVA_OPTS="$options"
exec /entrypoint.sh "$@"
{{ end }}

{{/* How a line of mount.info is read: words of a shell, namely path, data source, and arguments of `alluxio fs mount`. */}}
{{- define "alluxio.mountLine" -}}
# Sets path, source, and arguments with the values of Secrets in place of the files that options name, and what the digest of these values is:
# empty without Secrets. Fails where a file is missing.
read_line() {
  local word file secret=
  eval "words=($1)"
  path=${words[0]} source=${words[1]} arguments=() digest=
  for word in "${words[@]:2}"; do
    case $word in
      *=/etc/fluid/secrets/*)
        file=${word#*=}
        if [ ! -r "$file" ]; then
          echo "$path needs $file, which this pod does not have: delete the pod, so that a new one gets it"
          return 1
        fi
        word="${word%%=*}=$(cat "$file")"
        secret="$secret$word "
        ;;
    esac
    arguments+=("$word")
  done
  [ -z "$secret" ] || digest=$(printf %s "$secret" | sha256sum)
}
# The digest of the values that a path was last mounted with is in a file of the container, and gone with it.
record_of() {
  local name
  name=$(printf %s "$1" | sha256sum)
  echo "${TMPDIR:-/tmp}/fluid-mount-${name%% *}"
}
rotated() {
  [ -n "$digest" ] && [ "$digest" != "$(cat "$(record_of "$path")" 2>/dev/null)" ]
}
{{- end }}

{{/* Brings Alluxio's mounts to what mount.info says. */}}
{{- define "alluxio.mountScript" -}}
#!/bin/bash
# mount.sh [LINES [PATH...]]
# Mounts what LINES, or else mount.info, says and is missing; gives mounts the values of their Secrets where these have changed; unmounts what it
# does not say, and first each PATH.
# Ends with 1 if something failed, after trying everything, and with 2 if Alluxio does not answer.
{{ include "alluxio.mountLine" . }}
info=$(dirname "$0")/mount.info
wanted=${1-$(cat "$info")}
shift
failed=0

table=$(alluxio fs mount 2>&1) || { echo "$table"; exit 2; }
declare -A mounted kept
while IFS= read -r line; do
  path=${line#* on }
  [ "$path" != "$line" ] || continue
  path=${path#"${path%%[! ]*}"}
  path=${path%% (*}
  path=${path%"${path##*[! ]}"}
  case $path in /?*) mounted[$path]=1 ;; esac
done <<< "$table"
while IFS= read -r line; do
  [ -n "$line" ] || continue
  eval "words=($line)"
  kept[${words[0]}]=1
done <<< "$wanted"
for path in "$@"; do
  unset "kept[$path]"
done

unmount() {
  echo "unmounting $1"
  if alluxio fs unmount "$1" 2>&1; then unset "mounted[$1]"; else failed=1; fi
}
if [ ${#mounted[@]} -gt 0 ]; then
  # Children before their parents.
  while IFS= read -r path; do
    [ -n "${kept[$path]-}" ] || unmount "$path"
  done <<< "$(printf '%s\n' "${!mounted[@]}" | sort -r)"
fi

while IFS= read -r line; do
  [ -n "$line" ] || continue
  read_line "$line" || { failed=1; continue; }
  if [ -z "${mounted[$path]-}" ]; then
    echo "mounting $path"
    alluxio fs mount "${arguments[@]}" "$path" "$source" 2>&1 || { failed=1; continue; }
  elif rotated; then
    echo "updating $path"
    alluxio fs updateMount "${arguments[@]}" "$path" 2>&1 || { failed=1; continue; }
  fi
  [ -z "$digest" ] || echo "$digest" > "$(record_of "$path")"
done <<< "$wanted"
exit $failed
{{ end }}

{{/* Which mounts have other Secrets than what Alluxio was given. */}}
{{- define "alluxio.rotatedScript" -}}
#!/bin/bash
# rotated.sh LINES
# Prints the path of each line whose Secrets have other values than when it was last mounted.
{{ include "alluxio.mountLine" . }}
while IFS= read -r line; do
  [ -n "$line" ] || continue
  # Without its file, it keeps the values that it has.
  read_line "$line" > /dev/null || continue
  if rotated; then echo "$path"; fi
done <<< "$1"
{{ end }}

{{/* Whether a master serves. A mount that fails is not its fault: Wasser tells the user of it. */}}
{{- define "alluxio.readyScript" -}}
#!/bin/bash
# A connection costs nothing; Alluxio's commands would wait for minutes.
exec 3<>/dev/tcp/127.0.0.1/{{ .Values.master.ports.rpc }} || exit 1
scripts=$(dirname "$0")
[ -s "$scripts/mount.info" ] || exit 0
# A master listens before it serves; without its mounts it is not ready.
"$scripts/mount.sh" >> /proc/1/fd/1 2>&1
[ $? -ne 2 ]
{{ end }}
