// Package rest stands in for the package of the same name.
package rest

// Config stands in for the type of the same name: there is no cluster.
type Config struct{}
