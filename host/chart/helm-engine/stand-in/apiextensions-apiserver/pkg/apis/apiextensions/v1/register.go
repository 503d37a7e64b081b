// Package v1 stands in for the package of the same name.
package v1

// AddToScheme adds nothing: the scheme's stand-in knows this version.
func AddToScheme(any) {}
