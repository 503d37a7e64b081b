{{/* The name of most objects. */}}
{{- define "wasser.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains "wasser" .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-wasser" .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Which pods belong to a component: (list . "operator"). Never changes. */}}
{{- define "wasser.selector" -}}
app.kubernetes.io/name: wasser
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* The labels of an object of a component: (list . "operator"), and more for one: (list . "operator" .Values.operator.podLabels). The schema keeps
values from replacing the chart's own. */}}
{{- define "wasser.labels" -}}
{{- $root := index . 0 -}}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/part-of: wasser
{{ include "wasser.selector" . }}
{{- $more := dict -}}
{{- if gt (len .) 2 -}}
{{- $more = index . 2 | default dict -}}
{{- end -}}
{{- $common := dict -}}
{{- range $key, $value := $root.Values.commonLabels -}}
{{- if not (hasKey $more $key) -}}
{{- $_ := set $common $key $value -}}
{{- end -}}
{{- end -}}
{{- range list $common $more -}}
{{- with . }}
{{ toYaml . }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "wasser.image" -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}

{{/* The nodes that can run the image, and of those the ones that a value names: (list . .Values.csi.nodeSelector). */}}
{{- define "wasser.nodeSelector" -}}
{{- $root := index . 0 -}}
{{- $nodes := dict "kubernetes.io/os" "linux" -}}
{{- $architecture := $root.Values.image.architecture -}}
{{- if kindIs "invalid" $architecture -}}
{{- $architecture = $root.Files.Get "files/architecture" | trim -}}
{{- end -}}
{{- with $architecture -}}
{{- $_ := set $nodes "kubernetes.io/arch" . -}}
{{- end -}}
{{- toYaml (mergeOverwrite $nodes (index . 1 | default dict)) -}}
{{- end -}}

{{/* The built-in plugins that are enabled, as YAML of {name: registration}. */}}
{{- define "wasser.plugins" -}}
{{- $plugins := dict -}}
{{- range $path, $bytes := .Files.Glob "files/plugins/*.yaml" -}}
{{- $name := base $path | trimSuffix ".yaml" -}}
{{- $values := get $.Values.plugins $name | default dict -}}
{{- if ne (toString (get $values "enabled")) "false" -}}
{{- $registration := $.Files.Get $path | fromYaml -}}
{{- if hasKey $registration "Error" -}}
{{- fail (printf "%s: %s" $path (get $registration "Error")) -}}
{{- end -}}
{{- $settings := get $registration "settings" | default dict -}}
{{- if and (not (kindIs "invalid" $.Values.runtime.criticalFusePod)) (not (hasKey $settings "critical-fuse-pod")) -}}
{{- $_ := set $registration "settings" (set $settings "critical-fuse-pod" $.Values.runtime.criticalFusePod) -}}
{{- end -}}
{{- $_ := set $plugins $name (mergeOverwrite $registration (omit (deepCopy $values) "enabled")) -}}
{{- end -}}
{{- end -}}
{{- range $name, $_ := .Values.plugins -}}
{{- if not ($.Files.Get (printf "files/plugins/%s.yaml" $name)) -}}
{{- fail (printf "plugins.%s: this chart has no built-in plugin of this name" $name) -}}
{{- end -}}
{{- end -}}
{{- toYaml $plugins -}}
{{- end -}}

{{/* The names in a value, (list .Values.rbac.kinds), as YAML of {names: []}. Those of a map, which count unless they are false, stay when Helm adds others; a list replaces the one before. */}}
{{- define "wasser.names" -}}
{{- $value := index . 0 | default list -}}
{{- $names := $value -}}
{{- if kindIs "map" $value -}}
{{- $names = list -}}
{{- range $name, $counts := $value -}}
{{- if $counts -}}
{{- $names = append $names $name -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml (dict "names" $names) -}}
{{- end -}}

{{/* Every kind that the charts of plugins install, as YAML of {kinds: []}. */}}
{{- define "wasser.kinds" -}}
{{- $kinds := (include "wasser.names" (list .Values.rbac.kinds) | fromYaml).names -}}
{{- range include "wasser.plugins" . | fromYaml -}}
{{- $kinds = concat $kinds ((.grants | default dict).kinds | default list) -}}
{{- end -}}
{{- toYaml (dict "kinds" ($kinds | uniq | sortAlpha)) -}}
{{- end -}}

{{/* The resources of all kinds of runtimes, as YAML of {resources: []}. */}}
{{- define "wasser.runtimes" -}}
{{- $kinds := (include "wasser.names" (list .Values.rbac.runtimes) | fromYaml).names -}}
{{- range include "wasser.plugins" . | fromYaml -}}
{{- $kinds = append $kinds .runtime -}}
{{- end -}}
{{- $resources := list -}}
{{- range $kinds | uniq | sortAlpha -}}
{{- $resources = append $resources (printf "%ss" (lower .)) -}}
{{- end -}}
{{- toYaml (dict "resources" $resources) -}}
{{- end -}}

{{/* Where a kind is that a chart of a plugin may install: {apiGroups, resources}. As a grant names it: plainly, or `Kind.group`. */}}
{{- define "wasser.resource" -}}
{{- $groups := dict
  "ConfigMap" "" "Endpoints" "" "PersistentVolumeClaim" "" "Pod" "" "Secret" "" "Service" "" "ServiceAccount" ""
  "LimitRange" "" "PodTemplate" "" "ReplicationController" "" "ResourceQuota" ""
  "ControllerRevision" "apps" "DaemonSet" "apps" "Deployment" "apps" "ReplicaSet" "apps" "StatefulSet" "apps"
  "HorizontalPodAutoscaler" "autoscaling" "CronJob" "batch" "Job" "batch" "Lease" "coordination.k8s.io"
  "EndpointSlice" "discovery.k8s.io" "Ingress" "networking.k8s.io" "NetworkPolicy" "networking.k8s.io"
  "PodDisruptionBudget" "policy" "Role" "rbac.authorization.k8s.io" "RoleBinding" "rbac.authorization.k8s.io" -}}
{{- $kind := . | splitList "." | first -}}
{{- $group := ternary (get $groups .) (. | trimPrefix $kind | trimPrefix ".") (hasKey $groups .) -}}
{{- $plural := printf "%ss" (lower $kind) -}}
{{- if eq $kind "Endpoints" -}}
{{- $plural = "endpoints" -}}
{{- else if hasSuffix "y" (lower $kind) -}}
{{- $plural = printf "%sies" (lower $kind | trimSuffix "y") -}}
{{- else if hasSuffix "s" (lower $kind) -}}
{{- $plural = printf "%ses" (lower $kind) -}}
{{- end -}}
{{- toYaml (dict "apiGroups" (list $group) "resources" (list $plural)) -}}
{{- end -}}

{{/* Whether the Secrets that Datasets name are looked for. */}}
{{- define "wasser.lookUpSecrets" -}}
{{- if kindIs "invalid" .Values.runtime.lookUpSecrets }}{{ eq .Values.runtime.helmDriver "secret" }}{{ else }}{{ .Values.runtime.lookUpSecrets }}{{ end }}
{{- end }}
