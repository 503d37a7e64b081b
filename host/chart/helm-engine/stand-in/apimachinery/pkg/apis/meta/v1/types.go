// Package v1 stands in for the package of the same name.
package v1

// GetOptions stands in for the type of the same name.
type GetOptions struct{}

// ListOptions stands in for the type of the same name.
type ListOptions struct{}

// APIResource stands in for the type of the same name.
type APIResource struct {
	Name, Group, Version, Kind string
	Namespaced                 bool
}

// APIResourceList stands in for the type of the same name.
type APIResourceList struct {
	APIResources []APIResource
}
