package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/net/dns/dnsmessage"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	// The end of every name that is known.
	domain = ".svc.cluster.local."
	// Seconds that an answer may be kept. Pods come and go.
	ttl = 2
	// A UDP packet that every resolver takes.
	packet = 512
)

// names resolves the Services of the cluster, and nothing else. CoreDNS would do it too, but in one binary with it the control plane would run on
// other versions of its libraries than it was tested with, and by itself it takes minutes to build.
type names struct {
	services corelisters.ServiceLister
	slices   discoverylisters.EndpointSliceLister
}

func newDNSCommand() *cobra.Command {
	var kubeconfig, address string
	command := &cobra.Command{Use: "dns", SilenceUsage: true, RunE: func(command *cobra.Command, _ []string) error {
		return serve(command.Context(), kubeconfig, address)
	}}
	command.Flags().StringVar(&kubeconfig, "kubeconfig", "", "how to reach the API server")
	command.Flags().StringVar(&address, "address", "127.0.0.1:53", "where to answer, by UDP")
	return command
}

func serve(ctx context.Context, kubeconfig, address string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	known := names{factory.Core().V1().Services().Lister(), factory.Discovery().V1().EndpointSlices().Lister()}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	socket, err := net.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	buffer := make([]byte, packet)
	for {
		length, from, err := socket.ReadFrom(buffer)
		if err != nil {
			return err
		}
		answer, err := known.answer(buffer[:length])
		if err == nil {
			_, err = socket.WriteTo(answer, from)
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s %s: %v\n", time.Now().Format(time.RFC3339), from, err)
		}
	}
}

// answer to a packet with one question.
func (n names) answer(query []byte) ([]byte, error) {
	var parser dnsmessage.Parser
	header, err := parser.Start(query)
	if err != nil {
		return nil, err
	}
	question, err := parser.Question()
	if err != nil {
		return nil, err
	}
	addresses, err := n.resolve(question.Name.String())
	reply := dnsmessage.Header{ID: header.ID, Response: true, Authoritative: true, RecursionDesired: header.RecursionDesired}
	switch {
	case errors.IsNotFound(err):
		reply.RCode = dnsmessage.RCodeNameError
	case err != nil:
		return nil, err
	}
	builder := dnsmessage.NewBuilder(make([]byte, 0, packet), reply)
	builder.EnableCompression()
	if err := builder.StartQuestions(); err != nil {
		return nil, err
	}
	if err := builder.Question(question); err != nil {
		return nil, err
	}
	if err := builder.StartAnswers(); err != nil {
		return nil, err
	}
	resource := dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: ttl}
	for _, address := range addresses {
		// Of other types there is nothing, which is no error.
		if four := net.ParseIP(address).To4(); four != nil && question.Type == dnsmessage.TypeA {
			if err := builder.AResource(resource, dnsmessage.AResource{A: [4]byte(four)}); err != nil {
				return nil, err
			}
		}
	}
	return builder.Finish()
}

// resolve SERVICE.NAMESPACE, or POD.SERVICE.NAMESPACE for pods that have a host name.
func (n names) resolve(name string) ([]string, error) {
	unknown := errors.NewNotFound(corev1.Resource("services"), name)
	name, found := strings.CutSuffix(strings.ToLower(name), domain)
	words := strings.Split(name, ".")
	if !found || len(words) < 2 || len(words) > 3 {
		return nil, unknown
	}
	host, service, namespace := "", words[len(words)-2], words[len(words)-1]
	if len(words) == 3 {
		host = words[0]
	}
	target, err := n.services.Services(namespace).Get(service)
	if err != nil {
		return nil, err
	}
	if host == "" && target.Spec.ClusterIP != corev1.ClusterIPNone {
		return []string{target.Spec.ClusterIP}, nil
	}
	slices, err := n.slices.EndpointSlices(namespace).List(labels.SelectorFromSet(labels.Set{discoveryv1.LabelServiceName: service}))
	if err != nil {
		return nil, err
	}
	var addresses []string
	for _, slice := range slices {
		for _, endpoint := range slice.Endpoints {
			ready := endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready
			named := host == "" || endpoint.Hostname != nil && *endpoint.Hostname == host
			if ready && named {
				addresses = append(addresses, endpoint.Addresses...)
			}
		}
	}
	if len(addresses) == 0 {
		return nil, unknown
	}
	return addresses, nil
}
