// Package scalers is how KEDA asks an external scaler. What is in it is two
// files of KEDA's package of that name, laid over this folder from KEDA's module
// when the tests are built (scripts/test-keda): nothing of them is kept here,
// and the rest of that package, with the clients of every cloud, is not built.
package scalers

// externalMetricType is that of the HorizontalPodAutoscaler, which a file that
// is left out defines.
const externalMetricType = "External"
