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

{{/* Brings Alluxio's mounts to what mount.info says. */}}
{{- define "alluxio.mountScript" -}}
#!/bin/bash
# mount.sh [LINES [PATH...]]
# Mounts what LINES, or else mount.info, says and is missing; unmounts what it does not say, and first each PATH.
# A line is words of a shell: path, data source, and arguments of `alluxio fs mount`, of which an option may name a file with its value.
# Ends with 1 if something failed, after trying everything, and with 2 if Alluxio does not answer.
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
  eval "words=($line)"
  path=${words[0]}
  [ -z "${mounted[$path]-}" ] || continue
  arguments=()
  for word in "${words[@]:2}"; do
    case $word in
      *=/etc/fluid/secrets/*)
        file=${word#*=}
        if [ ! -r "$file" ]; then
          echo "$path needs $file, which this pod does not have: delete the pod, so that a new one gets it"
          failed=1
          continue 2
        fi
        word="${word%%=*}=$(cat "$file")"
        ;;
    esac
    arguments+=("$word")
  done
  echo "mounting $path"
  alluxio fs mount "${arguments[@]}" "$path" "${words[1]}" 2>&1 || failed=1
done <<< "$wanted"
exit $failed
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
