{{- define "common.labels" -}}
owner: {{ .Release.Name }}
kind: {{ .kind | default "none" }}
{{- end -}}
{{- define "common.configmap" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-{{ .suffix }}
  labels:
    {{- include "common.labels" . | nindent 4 }}
{{- end -}}
