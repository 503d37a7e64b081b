// Go lets functions without a body be declared where a package has assembly; see prepared.go.
