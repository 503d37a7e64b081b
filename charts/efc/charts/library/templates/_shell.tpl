{{/* A text as one word of a POSIX shell: as it is where that is safe, else in single quotes. */}}
{{- define "library.shellWord" -}}
{{- if regexMatch "^[A-Za-z0-9_@%+=:,./-]+$" . -}}
{{- . -}}
{{- else -}}
'{{ . | replace "'" "'\\''" }}'
{{- end -}}
{{- end -}}
