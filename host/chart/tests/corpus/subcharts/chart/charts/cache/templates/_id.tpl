{{- define "cache.id" }}{{ .Chart.Name }}-{{ .Chart.Version }}-{{ .Values.mode }}{{ end }}
