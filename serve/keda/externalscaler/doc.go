// Package externalscaler is how KEDA asks an external scaler, generated from
// KEDA's own description.
package externalscaler

//go:generate ../../../scripts/generate-proto
