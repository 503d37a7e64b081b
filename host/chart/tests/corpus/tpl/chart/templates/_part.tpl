{{ define "tpl.part" }}part of {{ .Template.Name }}{{ end }}
