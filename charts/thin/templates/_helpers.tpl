{{/* What the objects' names begin with: the runtime's name. */}}
{{- define "thin.fullname" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Metadata of the objects of a role. Call with a list of the root, the role and the suffix of the name. */}}
{{- define "thin.metadata" -}}
{{- $root := index . 0 -}}
name: {{ include "thin.fullname" $root }}{{ index . 2 }}
labels:
  {{- include "library.selectorLabels" (list $root (index . 1)) | nindent 2 }}
  {{- include "library.commonLabels" $root | nindent 2 }}
{{- with include "library.ownerReferences" $root }}
{{- . | nindent 0 }}
{{- end }}
{{- end }}

{{/* The start of a pod's spec: Secrets for images and the network. Call with a list of the root and the role's values. */}}
{{- define "thin.pod" -}}
{{- $root := index . 0 -}}
{{- $pod := index . 1 -}}
{{- with concat ($root.Values.imagePullSecrets | default list) ($pod.imagePullSecrets | default list) | uniq -}}
imagePullSecrets: {{ toJson . }}
{{ end -}}
enableServiceLinks: false
{{- if $pod.hostNetwork }}
hostNetwork: true
dnsPolicy: ClusterFirstWithHostNet
{{- end }}
{{- end }}

{{/* What the containers of both roles have. Users' own text goes in as JSON, which is YAML without line breaks. */}}
{{- define "thin.container" -}}
image: {{ empty .imageTag | ternary .image (printf "%s:%s" .image .imageTag) | quote }}
imagePullPolicy: {{ .imagePullPolicy | quote }}
{{- with .ports }}
ports: {{ toJson . }}
{{- end }}
{{- with .resources }}
resources: {{ toJson . }}
{{- end }}
{{- with .livenessProbe }}
livenessProbe: {{ toJson . }}
{{- end }}
{{- with .readinessProbe }}
readinessProbe: {{ toJson . }}
{{- end }}
{{- end }}
