package main

import (
	"github.com/spf13/pflag"

	"github.com/flyball-io/flyball/internal/kubernetes"
)

// addAccess adds the flags that say which cluster is meant. Before their texts
// stands when they count: "Kubernetes: ".
func addAccess(flags *pflag.FlagSet, a *kubernetes.Access, when string) {
	flags.StringVar(&a.Kubeconfig, "kubeconfig", "", when+"`FILE` that says how the cluster is reached (default as kubectl)")
	flags.StringVar(&a.Context, "context", "", when+"context `NAME` of that file (default the current one)")
}
