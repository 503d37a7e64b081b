{{/* What the objects' names begin with: the runtime's name. */}}
{{- define "cache.fullname" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Labels that select the pods of a component. Call with a list of the root and the component's name; they must not change once installed. */}}
{{- define "cache.selectorLabels" -}}
cacheruntime.fluid.io/name: {{ include "cache.fullname" (index . 0) | quote }}
cacheruntime.fluid.io/component-name: {{ printf "%s-%s" (include "cache.fullname" (index . 0)) (index . 1) | quote }}
{{- end }}

{{/* Labels of the objects of a component: those above, and those that all runtimes have. The same arguments. */}}
{{- define "cache.labels" -}}
{{- $root := index . 0 -}}
{{- include "cache.selectorLabels" . }}
app: {{ $root.Chart.Name }}
release: {{ $root.Release.Name | quote }}
role: {{ printf "cache-%s" (index . 1 | replace "client" "fuse") }}
{{ include "library.commonLabels" $root }}
{{- if eq (index . 1) "worker" }}
fluid.io/dataset: {{ $root.Values.ownerDatasetId | quote }}
fluid.io/dataset-placement: {{ $root.Values.placement | quote }}
{{- end }}
{{- end }}

{{/* Metadata of the objects of a component. Call with a list of the root, the component's name and the object's. */}}
{{- define "cache.metadata" -}}
{{- $root := index . 0 -}}
name: {{ index . 2 | quote }}
labels:
  {{- include "cache.labels" . | nindent 2 }}
{{- with include "library.ownerReferences" $root }}
{{- . | nindent 0 }}
{{- end }}
{{- end }}

{{/* Metadata of the ConfigMaps, which are of no component. Call with a list of the root and the name. */}}
{{- define "cache.commonMetadata" -}}
{{- $root := index . 0 -}}
name: {{ index . 1 | quote }}
labels:
  cacheruntime.fluid.io/name: {{ include "cache.fullname" $root | quote }}
  {{- include "library.commonLabels" $root | nindent 2 }}
{{- with include "library.ownerReferences" $root }}
{{- . | nindent 0 }}
{{- end }}
{{- end }}

{{/* The pods of a component. What users wrote goes in as JSON, which is YAML without line breaks. Call with a list of the root, the component's name
     and its values. */}}
{{- define "cache.template" -}}
{{- $component := index . 2 -}}
metadata:
  {{- $labels := merge (include "cache.labels" . | fromYaml) (dict "sidecar.istio.io/inject" "false") }}
  labels: {{ toJson (merge $labels ($component.labels | default dict)) }}
  annotations: {{ toJson (merge (dict "sidecar.istio.io/inject" "false") ($component.annotations | default dict)) }}
spec: {{ toJson $component.spec }}
{{- end }}

{{/* The Service in front of a component, if there is one, after an object. The same arguments. */}}
{{- define "cache.service" -}}
{{- $component := index . 2 -}}
{{- with $component.service }}
---
apiVersion: v1
kind: Service
metadata:
  {{- include "cache.metadata" (list (index $ 0) (index $ 1) .) | nindent 2 }}
spec:
  clusterIP: None
  # The pods of a component look for each other before they are ready.
  publishNotReadyAddresses: true
  selector:
    {{- include "cache.selectorLabels" $ | nindent 4 }}
{{- end }}
{{- end }}
