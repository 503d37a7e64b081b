{{ define "name" }}parent{{ end }}
