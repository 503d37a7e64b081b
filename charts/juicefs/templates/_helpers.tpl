{{/* What the objects' names begin with: the runtime's name. */}}
{{- define "juicefs.fullname" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Metadata of the objects of a role. Call with a list of the root, the role and the suffix of the name. */}}
{{- define "juicefs.metadata" -}}
{{- $root := index . 0 -}}
name: {{ include "juicefs.fullname" $root }}{{ index . 2 }}
labels:
  {{- include "library.selectorLabels" (list $root (index . 1)) | nindent 2 }}
  {{- include "library.commonLabels" $root | nindent 2 }}
{{- with include "library.ownerReferences" $root }}
{{- . | nindent 0 }}
{{- end }}
{{- end }}

{{/* Environment variables of both roles: the pod's own, then the Secrets by reference. */}}
{{- define "juicefs.env" -}}
{{- $root := index . 0 -}}
{{- $pod := index . 1 -}}
{{- $configs := $root.Values.configs -}}
{{- $foreground := true }}
{{- range $pod.envs }}
{{- if eq .name "JFS_FOREGROUND" }}
{{- $foreground = false }}
{{- end }}
{{- end }}
{{- if $foreground -}}
- name: JFS_FOREGROUND
  value: "1"
{{- end }}
{{- range $pod.envs }}
- {{ toJson . }}
{{- end }}
{{- $secrets := list
      (dict "name" "METAURL" "secret" $configs.metaurlSecret "key" $configs.metaurlSecretKey)
      (dict "name" "ACCESS_KEY" "secret" $configs.accesskeySecret "key" $configs.accesskeySecretKey)
      (dict "name" "SECRET_KEY" "secret" $configs.secretkeySecret "key" $configs.secretkeySecretKey)
      (dict "name" "TOKEN" "secret" $configs.tokenSecret "key" $configs.tokenSecretKey) }}
{{- range $configs.encryptEnvOptions }}
{{- $secrets = append $secrets (dict "name" .envName "secret" .secretKeyRefName "key" .secretKeyRefKey) }}
{{- end }}
{{- range $secrets }}
{{- if .secret }}
- name: {{ .name | quote }}
  valueFrom:
    secretKeyRef:
      name: {{ .secret | quote }}
      key: {{ .key | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/*
What a script does before it mounts: format the file system, or let the client into it once. A storage that does not answer keeps no client from a file
system that is there: what is cached can be read without it. The settings stay as they are, since wrong keys would reach all other clients.
*/}}
{{- define "juicefs.prepare" -}}
{{- with .Values.configs.formatCmd -}}
{{- if eq $.Values.edition "community" -}}
echo "$(date '+%Y/%m/%d %H:%M:%S') format start"
format() {
  timeout -s KILL 120 {{ . }} 2>&1
}
said=$(format) && code=0 || code=$?
printf '%s\n' "$said"
case "$code $said" in
  "0 "*) ;;
  "124 "* | "137 "* | "143 "* | *"is not configured correctly"*)
    show() {
      timeout -s KILL 60 {{ $.Values.configs.statusCmd }}
    }
    if ! show | grep -F {{ include "library.shellWord" (printf "\"Name\": \"%s\"" $.Values.configs.name) }} > /dev/null; then
      echo "$(date '+%Y/%m/%d %H:%M:%S') the storage does not answer as it should, and the metadata engine shows no file system of this name"
      exit 1
    fi
    echo "$(date '+%Y/%m/%d %H:%M:%S') the storage does not answer as it should; the file system is mounted with the settings that it has"
    ;;
  *) exit "$code" ;;
esac
{{- else -}}
if [ ! -f {{ include "library.shellWord" (printf "/root/.juicefs/%s.conf" $.Values.configs.name) }} ]; then
  echo "$(date '+%Y/%m/%d %H:%M:%S') auth start"
  timeout -s KILL 120 {{ . }}
fi
{{- end }}
{{- end }}
{{- end }}

{{/* The script of the workers. It ends at the first failure: what could not be made ready is not mounted. */}}
{{- define "juicefs.workerScript" -}}
#!/bin/sh
set -e
{{- with include "juicefs.prepare" . }}
{{ . }}
{{- end }}
echo "$(date '+%Y/%m/%d %H:%M:%S') mount start"
{{ .Values.worker.command }}
{{ end }}

{{/* The script of the clients. It ends at the first failure, so that no application gets a file system that is half set up. */}}
{{- define "juicefs.fuseScript" -}}
#!/bin/sh
set -e
{{- with include "juicefs.prepare" . }}
{{ . }}
{{- end }}
{{- with .Values.configs.quotaCmd }}
limit() {
  {{ . }} "$@" 2>&1
}
said=$(limit) && code=0 || code=$?
printf '%s\n' "$said"
case "$code $said" in
  "0 "*) ;;
  *[Nn]"o such file or directory"*)
    # The mount makes a directory that is not there; a JuiceFS that knows `--create` does so before.
    if ! limit --create; then
      (for turn in $(seq 60); do
        sleep 5
        if limit; then break; fi
      done) &
    fi
    ;;
  *) exit "$code" ;;
esac
{{- end }}
# A client before this one that has not ended yet would unmount what it finds at the path, this one's mount included. So a client holds the directory
# until it has ended, which the kernel sees to; images without flock go without.
exec 9< {{ include "library.shellWord" .Values.fuse.hostMountPath }}
if command -v flock > /dev/null && ! timeout 60 flock 9; then
  echo "$(date '+%Y/%m/%d %H:%M:%S') another client has not ended for a minute; mounting nevertheless"
fi
echo "$(date '+%Y/%m/%d %H:%M:%S') mount start"
{{ .Values.fuse.command }}
{{ end }}

{{/*
What a client does before it ends, called with the path of the mount, a number of seconds and the directories of the cache: what it has not uploaded yet
would stay on this node, and other clients would read errors. The enterprise edition does not count its blocks.
*/}}
{{- define "juicefs.stopScript" -}}
#!/bin/sh
path=$1
end=$(($(date +%s) + $2))
shift 2
count() {
  blocks=$(timeout -s KILL 5 cat "$path/.stats" 2> /dev/null | sed -n 's/^juicefs_staging_blocks //p')
  [ -n "$blocks" ] || blocks=$(($(for directory in "$@"; do find "$directory"/*/rawstaging -type f 2> /dev/null; done | wc -l)))
}
count "$@"
while [ "$blocks" != 0 ] && [ "$(date +%s)" -lt "$end" ]; do
  sleep 1
  count "$@"
done
umount "$path"
code=$?
[ "$blocks" != 0 ] || exit "$code"
say() {
  echo "$(date '+%Y/%m/%d %H:%M:%S') $blocks blocks are not uploaded; they are in rawstaging below $*, and the next client with this directory uploads them"
}
{{- if not .Values.fuse.hostPID }}
say "$@" > /proc/1/fd/1
{{- end }}
say "$@" >&2
exit 1
{{ end }}

{{/*
When a pod counts as started, and then as ready: its file system answers. The root of a mount of JuiceFS has the inode 1. A mount that hangs ends the
look, and not the pod. Call with the path of the mount.
*/}}
{{- define "juicefs.probes" -}}
{{- $look := `[ "$(timeout -s KILL 5 stat -c %i "$0" 2>/dev/null)" = 1 ] || { echo "the file system is not mounted at $0, or does not answer; see the log of the pod"; exit 1; }` -}}
{{- $exec := dict "command" (list "sh" "-c" $look .) -}}
startupProbe:
  exec: {{ toJson $exec }}
  periodSeconds: 1
  timeoutSeconds: 7
  # About a day; what cannot mount ends by itself.
  failureThreshold: 86400
readinessProbe:
  exec: {{ toJson $exec }}
  periodSeconds: 30
  timeoutSeconds: 7
  failureThreshold: 2
{{- end }}

{{/* Whether something is not empty, and not only made of empty parts. */}}
{{- define "juicefs.resources" -}}
{{- $parts := dict }}
{{- range $name := list "limits" "requests" }}
{{- with get ($ | default dict) $name }}
{{- $_ := set $parts $name . }}
{{- end }}
{{- end }}
{{- with $parts }}
{{- toJson . }}
{{- end }}
{{- end }}
