// Package discovery stands in for the package of the same name.
package discovery

import (
	"errors"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// DiscoveryClient stands in for the type of the same name.
type DiscoveryClient struct{}

// NewDiscoveryClientForConfig fails: there is no cluster.
func NewDiscoveryClientForConfig(*rest.Config) (*DiscoveryClient, error) {
	return nil, errors.New("there is no cluster in the sandbox")
}

// ServerResourcesForGroupVersion fails: there is no cluster.
func (*DiscoveryClient) ServerResourcesForGroupVersion(string) (*metav1.APIResourceList, error) {
	return nil, errors.New("there is no cluster in the sandbox")
}
