{{- define "refusals.check" -}}
{{- if eq .Values.mode "nothing" }}
{{- fail (printf "mode must not be %q" .Values.mode) }}
{{- end }}
{{- required "name is needed: set it" .Values.name }}
{{- end -}}
