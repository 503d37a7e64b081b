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
# Where a digest is of what the path $2 was last mounted with: for `mount` the values of its Secrets, for `line` its line. They are files of
# the container, and gone with it.
record_of() {
  local name
  name=$(printf %s "$2" | sha256sum)
  echo "${TMPDIR:-/tmp}/fluid-$1-${name%% *}"
}
rotated() {
  [ -n "$digest" ] && [ "$digest" != "$(cat "$(record_of mount "$path")" 2>/dev/null)" ]
}
{{- end }}

{{/* Brings Alluxio's mounts to what mount.info says. */}}
{{- define "alluxio.mountScript" -}}
#!/bin/bash
# Mounts what mount.info says and is missing, gives mounts the values of their Secrets where these have changed, and unmounts what it does not
# say. FLUID_MOUNTS counts instead of mount.info where it is set: the file takes the kubelet a while to renew. A mount that is there otherwise
# is unmounted first: what is cached of it goes with it, so one that is right stays. How it is mounted is known of those that this script has
# mounted since FLUID_SINCE, when all was as it should be; of the others, each line of FLUID_UNMOUNT is the path of one that has to go.
# A data source that hangs must not keep the others away: each command has as long as EACH says, and those that failed the last time come last.
# All together have the seconds of FLUID_SECONDS; what is left then is tried first the next time.
# Ends with 1 if something failed, after trying everything, and with 2 if Alluxio does not answer.
{{ include "alluxio.mountLine" . }}
# Whether $2 is a line of $1.
has() {
  [[ $'\n'$1$'\n' == *$'\n'"$2"$'\n'* ]]
}
# The seconds that a command may take, and the fewest with which one is begun.
EACH=20 FEWEST=5
ends=$((SECONDS + ${FLUID_SECONDS:-40}))
has_time() {
  [ $((ends - SECONDS)) -ge $FEWEST ] && return
  echo "there was no time left for $1, which is tried first the next time"
  return 1
}
# Runs a command of Alluxio for as long as there is time, and fails with 124 if that is over.
alluxio_fs() {
  local rest=$((ends - SECONDS)) code
  [ $rest -lt $EACH ] || rest=$EACH
  timeout $rest alluxio fs "$@" 2>&1
  code=$?
  # Some systems report the signal.
  case $code in 124 | 137 | 143) ;; *) return $code ;; esac
  echo "alluxio fs $1 had no answer after $rest s"
  return 124
}
# Whether $1, or a path above it, failed the last time.
failed_before() {
  local path=$1
  while [ -n "$path" ]; do
    ! has "$before" "$path" || return 0
    path=${path%/*}
  done
  return 1
}
# Whether a mount at $1 that is there can stay, if it is to be as the line $2 says.
stays() {
  local was
  was=$(cat "$(record_of line "$1")" 2>/dev/null)
  case $was in
    "since ${FLUID_SINCE-}: "*) [ "$was" = "$(as_line "$2")" ] ;;
    *) ! has "${FLUID_UNMOUNT-}" "$1" ;;
  esac
}
# What is recorded of a mount that is as the line $1 says.
as_line() {
  echo "since ${FLUID_SINCE-}: $(printf %s "$1" | sha256sum)"
}
info=$(dirname "$0")/mount.info
wanted=${FLUID_MOUNTS-$(cat "$info")}
failed=0

failures=${TMPDIR:-/tmp}/fluid-failed
before=$(cat "$failures" 2>/dev/null)

# Alluxio may ask each data source for it.
table=$(EACH=$((ends - SECONDS)); alluxio_fs mount) || { echo "$table"; exit 2; }
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
  ! stays "${words[0]}" "$line" || kept+=${words[0]}$'\n'
done <<< "$wanted"

# Children before their parents.
while IFS= read -r path; do
  if [ -n "$path" ] && ! has "$kept" "$path"; then
    has_time "$path" || { failed=1; continue; }
    echo "unmounting $path"
    if alluxio_fs unmount "$path"; then
      gone+=$path$'\n'
      rm -f "$(record_of line "$path")"
    else
      failed=1
    fi
  fi
done <<< "$(printf %s "$mounted" | sort -r)"

# Brings about what the line $1 says. Fails if that was tried in vain.
bring_about() {
  read_line "$1" || return
  if has "$gone" "$path" || ! has "$mounted" "$path"; then
    has_time "$path" || { failed=1; return 0; }
    echo "mounting $path"
    # Alluxio may go on with a command that nobody waits for.
    as_line "$1" > "$(record_of line "$path")"
    alluxio_fs mount "${arguments[@]}" "$path" "$source" || {
      [ $? -eq 124 ] || rm -f "$(record_of line "$path")"
      return 1
    }
  elif rotated; then
    has_time "$path" || { failed=1; return 0; }
    echo "updating $path"
    alluxio_fs updateMount "${arguments[@]}" "$path" || return
  fi
  [ -z "$digest" ] || echo "$digest" > "$(record_of mount "$path")"
}
tried_in_vain=
for last in false true; do
  while IFS= read -r line; do
    [ -n "$line" ] && split_line "$line" || continue
    if failed_before "${words[0]}"; then $last || continue; else ! $last || continue; fi
    bring_about "$line" || { failed=1; tried_in_vain+=${words[0]}$'\n'; }
  done <<< "$wanted"
done
printf %s "$tried_in_vain" > "$failures"
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
# A master listens before it serves, and it is not ready before its mounts were tried. That has an end before the probe's time is over.
FLUID_SECONDS=90 "$scripts/mount.sh" >> /proc/1/fd/1 2>&1
[ $? -ne 2 ]
{{ end }}
