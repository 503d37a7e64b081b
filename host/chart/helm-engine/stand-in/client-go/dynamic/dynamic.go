// Package dynamic stands in for the package of the same name.
package dynamic

import (
	"context"
	"errors"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
)

// Content stands in for unstructured.Unstructured.
type Content struct{}

// UnstructuredContent is empty.
func (*Content) UnstructuredContent() map[string]interface{} { return nil }

// ResourceInterface stands in for the type of the same name.
type ResourceInterface interface {
	Get(ctx context.Context, name string, options metav1.GetOptions, subresources ...string) (*Content, error)
	List(ctx context.Context, options metav1.ListOptions) (*Content, error)
}

// NamespaceableResourceInterface stands in for the type of the same name.
type NamespaceableResourceInterface interface {
	ResourceInterface
	Namespace(string) ResourceInterface
}

// DynamicClient stands in for the type of the same name.
type DynamicClient struct{}

// Resource is never asked: there is no client.
func (*DynamicClient) Resource(schema.GroupVersionResource) NamespaceableResourceInterface {
	return nil
}

// NewForConfig fails: there is no cluster.
func NewForConfig(*rest.Config) (*DynamicClient, error) {
	return nil, errors.New("there is no cluster in the sandbox")
}
