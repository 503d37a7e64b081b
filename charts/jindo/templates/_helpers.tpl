{{/* What the objects' names begin with: the runtime's name and jindofs. */}}
{{- define "jindo.fullname" -}}
{{- .Values.fullnameOverride | default (printf "%s-jindofs" .Release.Name) | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Labels that select the pods of masters and workers, which a release of Fluid has and cannot change. Call with a list of the root and the role. */}}
{{- define "jindo.selectorLabels" -}}
{{- $root := index . 0 -}}
app: {{ $root.Chart.Name }}
role: {{ index . 1 }}
{{- if eq (index . 1) "jindofs-master" }}
name: {{ include "jindo.fullname" $root }}-master
{{- else }}
release: {{ $root.Release.Name | quote }}
{{- end }}
{{- end }}

{{/* Metadata of the objects of a role. Call with a list of the root, the role and the suffix of the name. */}}
{{- define "jindo.metadata" -}}
{{- $root := index . 0 -}}
name: {{ include "jindo.fullname" $root }}{{ index . 2 }}
labels:
  {{- include "library.selectorLabels" (list $root (index . 1)) | nindent 2 }}
  {{- include "library.commonLabels" $root | nindent 2 }}
{{- with include "library.ownerReferences" $root }}
{{- . | nindent 0 }}
{{- end }}
{{- end }}

{{/* Where the masters listen, separated by commas; nothing where there are none. */}}
{{- define "jindo.addresses" -}}
{{- $addresses := list }}
{{- range $at := until (ternary (.Values.master.replicaCount | int) 0 .Values.master.enabled) }}
{{- $addresses = append $addresses (printf "%s-master-%d.%s:%v" (include "jindo.fullname" $) $at $.Release.Namespace $.Values.master.ports.rpc) }}
{{- end }}
{{- join "," $addresses }}
{{- end }}

{{/* A section of a configuration file. Call with a list of its name and maps; later maps win. */}}
{{- define "jindo.section" -}}
{{- $all := dict }}
{{- range rest . }}
{{- $all = mustMergeOverwrite $all (. | default dict) }}
{{- end -}}
[{{ first . }}]
{{- range $name, $value := $all }}
{{ $name }} = {{ $value }}
{{- end }}
{{ end }}

{{/* Labels of a pod. Call with a list of the root, the role and the component. */}}
{{- define "jindo.podLabels" -}}
{{- $root := index . 0 }}
{{- $labels := include "library.selectorLabels" (list $root (index . 1)) | fromYaml }}
{{- $labels = merge $labels (include "library.commonLabels" $root | fromYaml) }}
{{- if eq (index . 1) "jindofs-master" }}
{{- $_ := set $labels "name" (print (include "jindo.fullname" $root) "-master") }}
{{- end }}
{{- if eq (index . 1) "jindofs-worker" }}
{{- $_ := set $labels "fluid.io/dataset" $root.Values.ownerDatasetId }}
{{- $_ := set $labels "fluid.io/dataset-placement" $root.Values.placement }}
{{- end }}
{{- toJson (merge $labels ((index . 2).labels | default dict)) }}
{{- end }}

{{/* What the pods of all roles have in their spec. Call with a list of the root, the component and whether it uses the node's network. */}}
{{- define "jindo.podSpec" -}}
{{- $root := index . 0 -}}
{{- $part := index . 1 -}}
enableServiceLinks: false
{{- with $part.imagePullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
{{- if index . 2 }}
hostNetwork: true
dnsPolicy: ClusterFirstWithHostNet
{{- end }}
{{- with $part.nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with $part.tolerations }}
tolerations: {{ toJson . }}
{{- end }}
securityContext:
  runAsUser: {{ $root.Values.user | int64 }}
  runAsGroup: {{ $root.Values.group | int64 }}
{{- end }}

{{/* The user's environment variables, but for those that the chart sets. Call with the component and a list of names. */}}
{{- define "jindo.env" -}}
{{- $part := index . 0 -}}
{{- $own := index . 1 -}}
{{- range $name, $value := $part.env }}
{{- if not (has $name $own) }}
- {name: {{ $name | quote }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}
{{- end }}

{{/* Mounts that all roles have. Call with a list of the root, the role and the component. Workers and clients have an empty
     directory in place of Hadoop's core-site.xml, so that none of the image counts. */}}
{{- define "jindo.volumeMounts" -}}
{{- $root := index . 0 -}}
{{- $values := $root.Values -}}
- {name: bigboot-config, mountPath: /jindocache.cfg, subPath: jindocache.cfg}
{{- if eq (index . 1) "master" }}
- {name: bigboot-config, mountPath: /cacheset.xml, subPath: cacheset.xml}
{{- else }}
- {name: bigboot-config, mountPath: /hdfs-3.2.1/etc/hadoop/core-site.xml, subPath: core-site.xml}
{{- end }}
- {name: bigboot-config, mountPath: /jindosdk.cfg, subPath: jindosdk.cfg}
{{- range $key, $volume := include "jindo.directories" . | fromYaml }}
- {name: datavolume-{{ $key }}, mountPath: {{ $volume.path | quote }}}
{{- end }}
{{- with $values.hadoopConfig }}
{{- if .includeHdfsSite }}
- {name: hdfs-confs, mountPath: /hdfs-site.xml, subPath: hdfs-site.xml}
{{- end }}
{{- if .includeCoreSite }}
- {name: hdfs-confs, mountPath: /core-site.xml, subPath: core-site.xml}
{{- end }}
{{- end }}
{{- if or $values.secret $values.secretProjections }}
- {name: jindofs-secret-token, mountPath: /token, readOnly: true}
{{- end }}
{{- range $values.ufsVolumes }}
- {name: {{ .name | quote }}, mountPath: {{ .mountPath | quote }}{{ if .readOnly }}, readOnly: true{{ end }}}
{{- end }}
{{- range (index . 2).volumeMounts }}
- {{ toJson . }}
{{- end }}
{{- end }}

{{/* The directories of the cache that a role has, by key. A directory that goes with its pod is of no use to clients. */}}
{{- define "jindo.directories" -}}
{{- $mounts := (index . 0).Values.mounts }}
{{- $directories := ternary $mounts.master $mounts.workersAndClients (eq (index . 1) "master") }}
{{- $all := dict }}
{{- range $key, $volume := $directories }}
{{- if or (ne $volume.type "emptyDir") (ne (index $ 1) "fuse") }}
{{- $_ := set $all $key $volume }}
{{- end }}
{{- end }}
{{- toYaml $all }}
{{- end }}

{{/* The volumes of those mounts; the same arguments. */}}
{{- define "jindo.volumes" -}}
{{- $root := index . 0 -}}
{{- $values := $root.Values -}}
- name: bigboot-config
  configMap:
    name: {{ include "jindo.fullname" $root }}-config
{{- range $key, $volume := include "jindo.directories" . | fromYaml }}
- name: datavolume-{{ $key }}
  {{- if eq $volume.type "emptyDir" }}
  {{- $medium := ternary (dict "medium" "Memory") dict $volume.memory }}
  {{- $limit := ternary (dict "sizeLimit" $volume.quota) dict (hasKey $volume "quota") }}
  emptyDir: {{ toJson (merge $medium $limit) }}
  {{- else }}
  hostPath: {path: {{ $volume.path | quote }}, type: DirectoryOrCreate}
  {{- end }}
{{- end }}
{{- with $values.hadoopConfig }}
- name: hdfs-confs
  configMap:
    name: {{ .configMap | quote }}
{{- end }}
{{- if $values.secret }}
- name: jindofs-secret-token
  secret:
    secretName: {{ $values.secret | quote }}
{{- else if $values.secretProjections }}
- name: jindofs-secret-token
  projected:
    sources:
      {{- range $values.secretProjections }}
      - secret:
          name: {{ .secret | quote }}
          items: [{key: {{ .key | quote }}, path: {{ .path | quote }}}]
      {{- end }}
{{- end }}
{{- range $values.ufsVolumes }}
- {{ toJson (merge (dict "name" .name) .source) }}
{{- end }}
{{- range (index . 2).volumes }}
- {{ toJson . }}
{{- end }}
{{- end }}
