{{- define "loop" -}}
{{- if gt (int .left) 0 }}{{ include "loop" (dict "left" (sub (int .left) 1)) }}{{ else }}done{{ end }}
{{- end -}}
{{- define "forever" }}{{ include "forever" . }}{{ end }}
