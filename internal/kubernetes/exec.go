package kubernetes

import (
	"context"
	"fmt"
	"io"
	"net/url"

	"github.com/go-logr/logr"
	core "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/klog/v2"
	"k8s.io/streaming/pkg/httpstream"
)

// Exec runs a program in the first container of a pod, or in the one named,
// with what it reads and what it says, until it ends. Its status, where that is
// not 0, is in the error. Once ctx is done nobody listens to it any more.
func (c *Cluster) Exec(ctx context.Context, namespace, pod, container string, command []string, in io.Reader, out io.Writer) error {
	request := c.typed.CoreV1().RESTClient().Post().Resource("pods").Namespace(namespace).Name(pod).SubResource("exec").
		VersionedParams(&core.PodExecOptions{Container: container, Command: command, Stdin: true, Stdout: true, Stderr: true}, scheme.ParameterCodec)
	streams, err := c.streams(request.URL())
	if err != nil {
		return err
	}
	// What goes wrong is in the error; client-go would print parts of it beside.
	if err := streams.StreamWithContext(klog.NewContext(ctx, logr.Discard()), remotecommand.StreamOptions{Stdin: in, Stdout: out, Stderr: out}); err != nil {
		return fmt.Errorf("exec in pod %s/%s: %w", namespace, pod, Named(err))
	}
	return nil
}

// streams speaks WebSocket, and SPDY with API servers before 1.30 and proxies
// that know nothing else, as kubectl does.
func (c *Cluster) streams(to *url.URL) (remotecommand.Executor, error) {
	sockets, err := remotecommand.NewWebSocketExecutor(c.Config, "GET", to.String())
	if err != nil {
		return nil, err
	}
	spdy, err := remotecommand.NewSPDYExecutor(c.Config, "POST", to)
	if err != nil {
		return nil, err
	}
	return remotecommand.NewFallbackExecutor(sockets, spdy, oldServer)
}

// oldServer reports whether an error says that the other side knows no
// WebSocket.
func oldServer(err error) bool {
	return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
}
