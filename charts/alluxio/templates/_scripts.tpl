{{/* Starts what the image starts. Properties of the data source at `/` that are in Secrets go into the file in which Alluxio looks for properties:
     the image's start script interprets what is in the environment. */}}
{{- define "alluxio.entrypointScript" -}}
#!/bin/bash
set -eu
properties=/opt/alluxio/conf/alluxio-site.properties
fail() {
  echo "$1" | tee /dev/termination-log >&2
  exit 1
}
# Whether a value can be a line of the file. Alluxio replaces ${…} by other properties.
fits() {
  local LC_ALL=C
  case $1 in *[!\ -~]* | *'${'*) return 1 ;; esac
}
# add PROPERTY SECRET KEY
add() {
  local file=/etc/fluid/secrets/$2/$3 value
  [ -r "$file" ] || fail "the Secret $2 has no key $3, which the property $1 needs; add it, and delete the pod"
  value=$(cat "$file")
  fits "$value" || fail "the key $3 of the Secret $2, for the property $1, has \${ or a character that is not a printable one of ASCII; change it, and delete the pod"
  value=${value//\\/\\\\}
  # White space at the beginning would not count.
  case $value in " "*) value="\\$value" ;; esac
  [ -e "$properties" ] || (umask 077 && : > "$properties")
  printf '%s=%s\n' "${1//:/\\:}" "$value" >> "$properties"
}
{{- range .Values.master.rootSecrets }}
add {{ include "library.shellWord" .name }} {{ include "library.shellWord" .secret }} {{ include "library.shellWord" .key }}
{{- end }}
exec /entrypoint.sh "$@"
{{ end }}

{{/* How a line of mount.info is read: words, quoted as for a shell, namely path, data source, and arguments of `alluxio fs mount`. Users have
     written them, so they are taken apart and never evaluated: there is no eval here, and no array that has words as its keys. */}}
{{- define "alluxio.mountLine" -}}
# Sets words to those of a line: plain text, and text in single quotes, in which \' stands for a quote outside of them.
split_line() {
  local rest=$1 word piece
  words=()
  while [ -n "$rest" ]; do
    word=
    while :; do
      case $rest in
        "" | " "*) break ;;
        "'"*"'"*)
          rest=${rest#"'"}
          word+=${rest%%"'"*}
          rest=${rest#*"'"}
          ;;
        "\\'"*)
          word+="'"
          rest=${rest#??}
          ;;
        *)
          piece=${rest%%[!A-Za-z0-9_@%+=:,./-]*}
          if [ -z "$piece" ]; then
            echo "cannot read the line $1"
            return 1
          fi
          word+=$piece
          rest=${rest#"$piece"}
          ;;
      esac
    done
    words+=("$word")
    rest=${rest#" "}
  done
}
# Sets path, source, and arguments with the values of Secrets in place of the files that options name, and what the digest of these values is:
# empty without Secrets. Fails where a file is missing.
read_line() {
  local words file value secret=
  split_line "$1" || return
  path=${words[0]} source=${words[1]} arguments=() digest=
  set -- "${words[@]:2}"
  while [ $# -gt 0 ]; do
    case $1 in
      --secret)
        file=${2#*=}
        if [ ! -r "$file" ]; then
          echo "$path needs $file, which this pod does not have: delete the pod, so that a new one gets it"
          return 1
        fi
        value=$(cat "$file")
        arguments+=(--option "${2%%=*}=$value")
        secret="$secret${2%%=*}=$value "
        shift
        ;;
      --option)
        arguments+=(--option "$2")
        shift
        ;;
      *) arguments+=("$1") ;;
    esac
    shift
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
# Mounts what mount.info says and is missing, gives mounts the values of their Secrets where these have changed, and unmounts what it does not
# say. FLUID_MOUNTS counts instead of mount.info where it is set: the file takes the kubelet a while to renew. Each line of FLUID_UNMOUNT is
# the path of a mount that is unmounted first.
# Ends with 1 if something failed, after trying everything, and with 2 if Alluxio does not answer.
{{ include "alluxio.mountLine" . }}
# Whether $2 is a line of $1.
has() {
  [[ $'\n'$1$'\n' == *$'\n'"$2"$'\n'* ]]
}
info=$(dirname "$0")/mount.info
wanted=${FLUID_MOUNTS-$(cat "$info")}
failed=0

table=$(alluxio fs mount 2>&1) || { echo "$table"; exit 2; }
# Lines: paths that are mounted, that stay so, and that were unmounted.
mounted= kept= gone=
while IFS= read -r line; do
  path=${line#*  on  }
  [ "$path" != "$line" ] || continue
  path=${path%%  (*}
  path=${path%"${path##*[! ]}"}
  case $path in /?*) mounted+=$path$'\n' ;; esac
done <<< "$table"
while IFS= read -r line; do
  [ -n "$line" ] || continue
  # Before anything is unmounted.
  split_line "$line" || exit 1
  has "${FLUID_UNMOUNT-}" "${words[0]}" || kept+=${words[0]}$'\n'
done <<< "$wanted"

# Children before their parents.
while IFS= read -r path; do
  if [ -n "$path" ] && ! has "$kept" "$path"; then
    echo "unmounting $path"
    if alluxio fs unmount "$path" 2>&1; then gone+=$path$'\n'; else failed=1; fi
  fi
done <<< "$(printf %s "$mounted" | sort -r)"

while IFS= read -r line; do
  [ -n "$line" ] || continue
  read_line "$line" || { failed=1; continue; }
  if has "$gone" "$path" || ! has "$mounted" "$path"; then
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
# Prints the path of each line of FLUID_MOUNTS whose Secrets have other values than when it was last mounted.
{{ include "alluxio.mountLine" . }}
while IFS= read -r line; do
  [ -n "$line" ] || continue
  # Without its file, it keeps the values that it has.
  read_line "$line" > /dev/null || continue
  if rotated; then printf '%s\n' "$path"; fi
done <<< "${FLUID_MOUNTS-}"
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
