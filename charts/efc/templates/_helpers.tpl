{{/* What the objects' names begin with: the runtime's name. */}}
{{- define "efc.fullname" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Labels that select the pods of a role, which a release of Fluid has and cannot change. Call with a list of the root and the role. */}}
{{- define "efc.selectorLabels" -}}
{{- $root := index . 0 -}}
{{- $role := index . 1 -}}
{{- if eq $role "efc-master" -}}
app: {{ $root.Chart.Name }}
name: {{ include "efc.fullname" $root }}-master
role: {{ $role }}
{{- else if eq $role "efc-worker" -}}
app: {{ $root.Chart.Name }}
release: {{ $root.Release.Name | quote }}
role: {{ $role }}
{{- else -}}
{{- include "library.selectorLabels" . }}
{{- end }}
{{- end }}

{{/* Metadata of the objects of a role. Call with a list of the root, the role and the suffix of the name. */}}
{{- define "efc.metadata" -}}
{{- $root := index . 0 -}}
name: {{ include "efc.fullname" $root }}{{ index . 2 }}
labels:
  {{- include "library.selectorLabels" (list $root (index . 1)) | nindent 2 }}
  {{- if eq (index . 1) "efc-worker" }}
  fluid.io/dataset: {{ $root.Values.ownerDatasetId | quote }}
  fluid.io/dataset-placement: {{ $root.Values.placement | quote }}
  {{- end }}
  {{- include "library.commonLabels" $root | nindent 2 }}
{{- with include "library.ownerReferences" $root }}
{{- . | nindent 0 }}
{{- end }}
{{- end }}

{{/* Labels and annotations of a pod. Call with a list of the root, the role and the component. */}}
{{- define "efc.podMetadata" -}}
{{- $root := index . 0 }}
{{- $part := index . 2 }}
{{- $labels := include "efc.selectorLabels" (list $root (index . 1)) | fromYaml }}
{{- $labels = merge $labels (include "library.selectorLabels" (list $root (index . 1)) | fromYaml) }}
{{- $labels = merge $labels (include "library.commonLabels" $root | fromYaml) (dict "sidecar.istio.io/inject" "false") }}
{{- if eq (index . 1) "efc-worker" }}
{{- $_ := set $labels "fluid.io/dataset" $root.Values.ownerDatasetId }}
{{- $_ := set $labels "fluid.io/dataset-placement" $root.Values.placement }}
{{- end -}}
labels: {{ toJson (merge $labels ($part.labels | default dict)) }}
annotations: {{ toJson (merge (dict "sidecar.istio.io/inject" "false") ($part.annotations | default dict)) }}
{{- end }}

{{/* What the pods of all roles have in their spec. Call with a list of the root, the component and its tolerations. */}}
{{- define "efc.podSpec" -}}
{{- $root := index . 0 -}}
{{- $part := index . 1 -}}
enableServiceLinks: false
automountServiceAccountToken: false
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
{{- if $part.hostNetwork }}
hostNetwork: true
dnsPolicy: ClusterFirstWithHostNet
{{- end }}
{{- with $part.nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with index . 2 }}
tolerations: {{ toJson . }}
{{- end }}
{{- end }}

{{/* The start of a container. What users wrote goes in as JSON, which is YAML without line breaks. */}}
{{- define "efc.container" -}}
image: {{ printf "%s:%s" .image .imageTag | quote }}
imagePullPolicy: {{ .imagePullPolicy | quote }}
{{- with .resources }}
resources: {{ toJson . }}
{{- end }}
command: [/entrypoint.sh]
{{- end }}

{{/* The volumes that masters and clients have: shared memory of the process, and the file with the workers' addresses. */}}
{{- define "efc.volumes" -}}
- {name: efc-shm, emptyDir: {medium: Memory}}
- name: efc-worker-endpoints
  configMap: {name: {{ include "efc.fullname" . }}-worker-endpoints}
{{- end }}

{{/* Where these are, and the socket of the session manager, whose volume is another one for each. */}}
{{- define "efc.volumeMounts" -}}
- {name: efc-shm, mountPath: /dev/shm}
- {name: efc-worker-endpoints, mountPath: /etc/efc}
- {name: efc-sock, mountPath: /var/run/efc}
{{- end }}
