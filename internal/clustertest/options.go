package clustertest

import "time"

// Option is what a test wants otherwise than the cluster has it by default.
type Option struct {
	component string
	flags     []string
}

// Flags are further flags of a component (kube-apiserver …) for one test.
func Flags(component string, flags ...string) Option { return Option{component, flags} }

// HPA are the period of the HorizontalPodAutoscaler's controller and the time
// for which it looks back before it scales down. Kubernetes has 15 s and 5 min;
// tests that wait for it take 5 s and 30 s.
func HPA(sync, stabilization time.Duration) Option {
	return Flags("kube-controller-manager",
		"--horizontal-pod-autoscaler-sync-period="+sync.String(),
		"--horizontal-pod-autoscaler-downscale-stabilization="+stabilization.String())
}

// flagsOf are all flags that options give to a component.
func flagsOf(component string, options []Option) []string {
	var flags []string
	for _, option := range options {
		if option.component == component {
			flags = append(flags, option.flags...)
		}
	}
	return flags
}
