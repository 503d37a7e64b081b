{{/* What the objects' names begin with: the runtime's name. */}}
{{- define "vineyard.fullname" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Labels that select the pods of a role, which a release of Fluid has and cannot change. Call with a list of the root and the role. */}}
{{- define "vineyard.selectorLabels" -}}
{{- $root := index . 0 -}}
app: {{ $root.Chart.Name }}
chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
release: {{ $root.Release.Name | quote }}
role: {{ index . 1 }}
{{- if eq (index . 1) "vineyard-worker" }}
app.kubernetes.io/instance: {{ printf "%s-%s-worker" $root.Release.Namespace (include "vineyard.fullname" $root) | trunc 63 | trimSuffix "-" | quote }}
{{- end }}
{{- end }}

{{/* Metadata of the objects of a role. Call with a list of the root, the role and the suffix of the name. */}}
{{- define "vineyard.metadata" -}}
{{- $root := index . 0 -}}
name: {{ include "vineyard.fullname" $root }}{{ index . 2 }}
labels:
  {{- include "library.selectorLabels" (list $root (index . 1)) | nindent 2 }}
  {{- if and (eq (index . 1) "vineyard-worker") (eq (index . 2) "-worker") }}
  fluid.io/dataset: {{ $root.Values.ownerDatasetId | quote }}
  fluid.io/dataset-placement: {{ $root.Values.placement | quote }}
  {{- end }}
  {{- include "library.commonLabels" $root | nindent 2 }}
{{- with include "library.ownerReferences" $root }}
{{- . | nindent 0 }}
{{- end }}
{{- end }}

{{/* Labels and annotations of a pod. Call with a list of the root, the role and the component. */}}
{{- define "vineyard.podMetadata" -}}
{{- $root := index . 0 }}
{{- $part := index . 2 }}
{{- $labels := include "vineyard.selectorLabels" (list $root (index . 1)) | fromYaml }}
{{- $labels = merge $labels (include "library.selectorLabels" (list $root (index . 1)) | fromYaml) }}
{{- $labels = merge $labels (include "library.commonLabels" $root | fromYaml) }}
{{- if eq (index . 1) "vineyard-worker" }}
{{- $_ := set $labels "fluid.io/dataset" $root.Values.ownerDatasetId }}
{{- $_ := set $labels "fluid.io/dataset-placement" $root.Values.placement }}
{{- end -}}
labels: {{ toJson (merge $labels ($part.labels | default dict)) }}
annotations: {{ toJson (merge (dict "sidecar.istio.io/inject" "false") ($part.annotations | default dict)) }}
{{- end }}

{{/* What the pods of all roles have in their spec. Call with a list of the root, the component and its tolerations. */}}
{{- define "vineyard.podSpec" -}}
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
{{- define "vineyard.container" -}}
image: {{ printf "%s:%s" .image .imageTag | quote }}
imagePullPolicy: {{ .imagePullPolicy | quote }}
{{- with .resources }}
resources: {{ toJson . }}
{{- end }}
{{- end }}

{{/* The user's environment variables, but for those that the chart sets. Call with the component and a list of names. */}}
{{- define "vineyard.env" -}}
{{- $own := index . 1 -}}
{{- range $name, $value := (index . 0).env }}
{{- if not (has $name $own) }}
- {name: {{ $name | quote }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}
{{- end }}

{{/* Where the etcd listens for clients, separated by commas. */}}
{{- define "vineyard.etcd" -}}
{{- $master := .Values.master }}
{{- if $master.enabled }}
{{- $name := include "vineyard.fullname" . }}
{{- $addresses := list }}
{{- range $at := until ($master.replicas | int) }}
{{- $addresses = append $addresses (printf "http://%s-master-%d.%s-master.%s:%v" $name $at $name $.Release.Namespace $master.ports.client) }}
{{- end }}
{{- join "," $addresses }}
{{- else }}
{{- $master.externalEndpoint.uri }}
{{- end }}
{{- end }}
