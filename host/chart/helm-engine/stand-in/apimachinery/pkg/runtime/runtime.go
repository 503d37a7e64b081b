// Package runtime stands in for the package of the same name.
package runtime

// Object stands in for the type of the same name: records made here have no resources.
type Object interface{}
