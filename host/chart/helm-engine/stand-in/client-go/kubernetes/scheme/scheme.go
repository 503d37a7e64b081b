// Package scheme stands in for the package of the same name: the list of versions that it knows is all that Helm reads of it.
package scheme

// GroupVersion is written as `group/version`.
type GroupVersion string

func (gv GroupVersion) String() string { return string(gv) }

// Versions stands in for runtime.Scheme.
type Versions struct{}

// Scheme stands in for the variable of the same name.
var Scheme = &Versions{}

// PrioritizedVersionsAllGroups is what client-go v0.33.3 and the API extensions register, in their order. `.Capabilities.APIVersions` of
// `helm template` starts with it.
func (*Versions) PrioritizedVersionsAllGroups() []GroupVersion {
	return []GroupVersion{
		"v1",
		"admissionregistration.k8s.io/v1",
		"admissionregistration.k8s.io/v1alpha1",
		"admissionregistration.k8s.io/v1beta1",
		"internal.apiserver.k8s.io/v1alpha1",
		"apps/v1",
		"apps/v1beta1",
		"apps/v1beta2",
		"authentication.k8s.io/v1",
		"authentication.k8s.io/v1alpha1",
		"authentication.k8s.io/v1beta1",
		"authorization.k8s.io/v1",
		"authorization.k8s.io/v1beta1",
		"autoscaling/v1",
		"autoscaling/v2",
		"autoscaling/v2beta1",
		"autoscaling/v2beta2",
		"batch/v1",
		"batch/v1beta1",
		"certificates.k8s.io/v1",
		"certificates.k8s.io/v1beta1",
		"certificates.k8s.io/v1alpha1",
		"coordination.k8s.io/v1alpha2",
		"coordination.k8s.io/v1beta1",
		"coordination.k8s.io/v1",
		"discovery.k8s.io/v1",
		"discovery.k8s.io/v1beta1",
		"events.k8s.io/v1",
		"events.k8s.io/v1beta1",
		"extensions/v1beta1",
		"flowcontrol.apiserver.k8s.io/v1",
		"flowcontrol.apiserver.k8s.io/v1beta1",
		"flowcontrol.apiserver.k8s.io/v1beta2",
		"flowcontrol.apiserver.k8s.io/v1beta3",
		"networking.k8s.io/v1",
		"networking.k8s.io/v1alpha1",
		"networking.k8s.io/v1beta1",
		"node.k8s.io/v1",
		"node.k8s.io/v1alpha1",
		"node.k8s.io/v1beta1",
		"policy/v1",
		"policy/v1beta1",
		"rbac.authorization.k8s.io/v1",
		"rbac.authorization.k8s.io/v1beta1",
		"rbac.authorization.k8s.io/v1alpha1",
		"resource.k8s.io/v1beta2",
		"resource.k8s.io/v1beta1",
		"resource.k8s.io/v1alpha3",
		"scheduling.k8s.io/v1alpha1",
		"scheduling.k8s.io/v1beta1",
		"scheduling.k8s.io/v1",
		"storage.k8s.io/v1beta1",
		"storage.k8s.io/v1",
		"storage.k8s.io/v1alpha1",
		"storagemigration.k8s.io/v1alpha1",
		"apiextensions.k8s.io/v1beta1",
		"apiextensions.k8s.io/v1",
	}
}
