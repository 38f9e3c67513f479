// Command cluster is every program of a Kubernetes cluster in one, so that
// tests drive the real thing: control plane, node, kubectl, metrics-server, and
// kwok, which fakes nodes and pods by the thousand.
//
//	cluster COMPONENT [FLAGS]
//
// It is a module of its own: k8s.io/kubernetes must not enter the product's.
// scripts/test-binaries builds it, internal/clustertest runs it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"          // --logging-format=json
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // what clients of the API count
	_ "k8s.io/component-base/metrics/prometheus/restclient"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
	metricsserver "sigs.k8s.io/metrics-server/cmd/metrics-server/app"
)

// components are the programs by name; each returns its exit status.
var components = map[string]func() int{
	"etcd":                    etcd,
	"kube-apiserver":          func() int { return cli.Run(apiserver.NewAPIServerCommand()) },
	"kube-controller-manager": func() int { return cli.Run(controllermanager.NewControllerManagerCommand()) },
	"kube-scheduler":          func() int { return cli.Run(scheduler.NewSchedulerCommand()) },
	"kubelet":                 func() int { return cli.Run(kubelet.NewKubeletCommand(context.Background())) },
	"kube-proxy":              func() int { return cli.Run(proxy.NewProxyCommand()) },
	"kubectl":                 runKubectl,
	"metrics-server":          func() int { return untilTold(metricsserver.NewMetricsServerCommand) },
	"kwok":                    kwok,
	"kwok-config":             kwokConfig,
}

func main() {
	var name string
	if len(os.Args) > 1 {
		name = os.Args[1]
	}
	run, ok := components[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "cluster: component must be one of %s, got %q\n", strings.Join(names(), ", "), name)
		os.Exit(2)
	}
	os.Args = os.Args[1:] // components take the first for their own name
	os.Exit(run())
}

func names() []string {
	var all []string
	for name := range components {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// untilTold runs a command that wants to be given the signal to stop.
func untilTold(command func(<-chan struct{}) *cobra.Command) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	return cli.Run(command(ctx.Done()))
}

// runKubectl tells errors as kubectl does.
func runKubectl() int {
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err) // it ends the program
	}
	return 0
}
