{{/* Labels of every object: whose it is, and which Dataset it serves. */}}
{{- define "library.commonLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
fluid.io/managed-by: fluid
fluid.io/dataset-id: {{ .Values.ownerDatasetId | quote }}
{{- end }}

{{/* Labels that select the pods of a role. Call with a list of the root and the role; they must not change once installed. */}}
{{- define "library.selectorLabels" -}}
{{- $root := index . 0 -}}
app: {{ $root.Chart.Name }}
chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
release: {{ $root.Release.Name | quote }}
heritage: {{ $root.Release.Service }}
role: {{ index . 1 }}
{{- end }}

{{/* The runtime as the owner of an object, so that it goes when the runtime goes. */}}
{{- define "library.ownerReferences" -}}
{{- with .Values.owner }}
{{- if .enabled -}}
ownerReferences:
  - apiVersion: {{ .apiVersion | quote }}
    kind: {{ .kind | quote }}
    name: {{ .name | quote }}
    uid: {{ .uid | quote }}
    controller: {{ .controller }}
    blockOwnerDeletion: {{ .blockOwnerDeletion }}
{{- end }}
{{- end }}
{{- end }}
