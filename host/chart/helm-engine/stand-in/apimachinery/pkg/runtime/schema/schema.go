// Package schema stands in for the package of the same name.
package schema

// GroupVersion stands in for the type of the same name.
type GroupVersion struct{ Group, Version string }

func (gv GroupVersion) String() string {
	if gv.Group == "" {
		return gv.Version
	}
	return gv.Group + "/" + gv.Version
}

// GroupVersionKind stands in for the type of the same name.
type GroupVersionKind struct{ Group, Version, Kind string }

// GroupVersion is the kind's version.
func (gvk GroupVersionKind) GroupVersion() GroupVersion { return GroupVersion{gvk.Group, gvk.Version} }

func (gvk GroupVersionKind) String() string {
	return gvk.GroupVersion().String() + ", Kind=" + gvk.Kind
}

// GroupVersionResource stands in for the type of the same name.
type GroupVersionResource struct{ Group, Version, Resource string }

// FromAPIVersionAndKind is never asked: there is no cluster behind `lookup`.
func FromAPIVersionAndKind(apiVersion, kind string) GroupVersionKind {
	return GroupVersionKind{Version: apiVersion, Kind: kind}
}
