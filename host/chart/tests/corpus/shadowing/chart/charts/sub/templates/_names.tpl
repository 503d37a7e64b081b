{{ define "name" }}sub{{ end }}
