// Package keda lets KEDA's own code for external scalers ask the real program:
// what it makes of the answers, the metric of its HorizontalPodAutoscaler
// included, is what a cluster with KEDA would do.
//
//	scripts/test-keda   # a minute or two to build the first time
package keda
