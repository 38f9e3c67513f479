package kubernetes

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/streaming/pkg/httpstream"
)

// Forward takes connections on a port of 127.0.0.1 for one of a pod, until ctx
// is done or the way to the pod breaks; then ended is closed. It returns the
// address once connections are taken.
func (c *Cluster) Forward(ctx context.Context, namespace, pod string, port int) (address string, ended <-chan struct{}, err error) {
	to := c.typed.CoreV1().RESTClient().Post().Resource("pods").Namespace(namespace).Name(pod).SubResource("portforward").URL()
	dialer, err := c.dialer(to)
	if err != nil {
		return "", nil, err
	}
	ready, over := make(chan struct{}), make(chan struct{})
	forwarder, err := portforward.NewOnAddressesForStreamingWithContext(ctx, dialer, []string{"127.0.0.1"}, []string{fmt.Sprintf("0:%d", port)}, ready, io.Discard, io.Discard)
	if err != nil {
		return "", nil, err
	}
	var why error
	go func() {
		defer close(over)
		why = forwarder.ForwardPorts()
	}()
	select {
	case <-over:
		return "", nil, fmt.Errorf("forward to pod %s/%s: %w", namespace, pod, Named(why))
	case <-ready:
	}
	ports, err := forwarder.GetPorts()
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("127.0.0.1:%d", ports[0].Local), over, nil
}

// dialer speaks WebSocket, and SPDY with those that know nothing else.
func (c *Cluster) dialer(to *url.URL) (httpstream.Dialer, error) {
	transport, upgrader, err := spdy.RoundTripperFor(c.Config)
	if err != nil {
		return nil, err
	}
	old := spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, to)
	tunnel, err := portforward.NewSPDYOverWebsocketDialerForStreaming(to, c.Config)
	if err != nil {
		return nil, err
	}
	return portforward.NewFallbackDialerForStreaming(tunnel, old, oldServer), nil
}
