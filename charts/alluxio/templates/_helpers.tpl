{{/* What the objects' names begin with: the runtime's name. */}}
{{- define "alluxio.fullname" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Labels of the masters and their Services. Call with a list of the root and the role. */}}
{{- define "alluxio.labels" -}}
{{- include "library.selectorLabels" . }}
{{ include "library.commonLabels" (index . 0) }}
{{- end }}

{{/* Properties as options of a Java machine, each with a space before it. */}}
{{- define "alluxio.properties" -}}
{{- range $name, $value := . }} -D{{ $name }}={{ $value }}{{ end }}
{{- end }}

{{/* Options of a Java machine, each with a space before it. */}}
{{- define "alluxio.options" -}}
{{- range . }} {{ . }}{{ end }}
{{- end }}

{{/* Environment variables from a map. */}}
{{- define "alluxio.env" -}}
{{- range $name, $value := . }}
- name: {{ $name | quote }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{/* The host name that a master calls itself: one of several by its Service, so that they find each other. */}}
{{- define "alluxio.masterHostname" -}}
- name: ALLUXIO_MASTER_HOSTNAME
  valueFrom:
    fieldRef:
      fieldPath: {{ if gt (int .Values.master.replicaCount) 1 }}metadata.name{{ else }}status.podIP{{ end }}
{{- end }}

{{/* The settings that all processes have in common, as environment variables. */}}
{{- define "alluxio.envFrom" -}}
envFrom:
  - configMapRef:
      name: {{ include "alluxio.fullname" . }}-config
{{- end }}

{{/* The user and group of a process. */}}
{{- define "alluxio.securityContext" -}}
runAsUser: {{ .Values.user | int64 }}
runAsGroup: {{ .Values.group | int64 }}
{{- end }}

{{/* The container's image. */}}
{{- define "alluxio.image" -}}
image: {{ printf "%s:%s" .Values.image .Values.imageTag | quote }}
imagePullPolicy: {{ .Values.imagePullPolicy | quote }}
{{- end }}

{{/* Volume mounts that every process has: settings of HDFS, and users. */}}
{{- define "alluxio.commonMounts" -}}
{{- if .Values.hadoopConfig }}
- name: hdfs-confs
  mountPath: /hdfs-config
{{- end }}
{{- include "alluxio.userMounts" . }}
{{- end }}

{{/* Users and groups that the first container made. */}}
{{- define "alluxio.userMounts" -}}
{{- if .Values.initUsers.enabled }}
- name: alluxio-users
  mountPath: /etc/passwd
  subPath: passwd
- name: alluxio-users
  mountPath: /etc/group
  subPath: group
{{- end }}
{{- end }}

{{/* The volumes of these. */}}
{{- define "alluxio.commonVolumes" -}}
{{- with .Values.hadoopConfig }}
- name: hdfs-confs
  configMap:
    name: {{ .configMap | quote }}
{{- end }}
{{- include "alluxio.userVolumes" . }}
{{- end }}

{{- define "alluxio.userVolumes" -}}
{{- if .Values.initUsers.enabled }}
- name: alluxio-users
  emptyDir: {}
{{- end }}
{{- end }}

{{/*
Resources of a container that runs before the others: its own, else those of a container after it. A pod counts the larger of the two, and a quota
of the namespace refuses pods with a container that says nothing. Call with a list of both.
*/}}
{{- define "alluxio.resourcesBefore" -}}
{{- with pick (index . 0 | default (index . 1) | default dict) "limits" "requests" }}
resources: {{ toJson . }}
{{- end }}
{{- end }}

{{/* The container that makes users and groups. Call with a list of the root, its arguments, further volume mounts, and the resources of a container after it. */}}
{{- define "alluxio.initUsers" -}}
{{- $root := index . 0 }}
{{- $init := $root.Values.initUsers }}
- name: init-users
  image: {{ printf "%s:%s" $init.image $init.imageTag | quote }}
  imagePullPolicy: {{ $init.imagePullPolicy | quote }}
  command: [/entrypoint.sh]
  args: {{ toJson (index . 1) }}
  env:
    - name: FLUID_INIT_USERS
      value: {{ $init.envUsers | quote }}
    - name: FLUID_TIERSTORE_PATHS
      value: {{ $init.envTieredPaths | quote }}
    {{- include "alluxio.env" $init.env | nindent 4 }}
  {{- include "alluxio.resourcesBefore" (list $init.resources (index . 3)) | nindent 2 }}
  securityContext:
    runAsUser: 0
  volumeMounts:
    - name: alluxio-users
      mountPath: /tmp
    {{- range index . 2 }}
    - {{ toJson . }}
    {{- end }}
{{- end }}

{{/* A port of a container or a Service. */}}
{{- define "alluxio.port" -}}
- name: {{ index . 0 }}
  containerPort: {{ index . 1 }}
  protocol: TCP
{{- end }}

{{/* The names that a worker goes by: its node's, so that clients there know it for their own, and where that is not where it listens, its own. */}}
{{- define "alluxio.workerHostname" -}}
- name: ALLUXIO_WORKER_HOSTNAME
  valueFrom:
    fieldRef:
      fieldPath: status.hostIP
{{- if not .Values.worker.hostNetwork }}
- name: ALLUXIO_WORKER_CONTAINER_HOSTNAME
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
{{- end }}
{{- end }}

{{/* The volume mounts of both containers of a worker. */}}
{{- define "alluxio.workerMounts" -}}
{{- $common := include "alluxio.commonMounts" . }}
{{- if or $common .Values.worker.volumeMounts -}}
volumeMounts:
  {{- with $common }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- range .Values.worker.volumeMounts }}
  - {{ toJson . }}
  {{- end }}
{{- end }}
{{- end }}
