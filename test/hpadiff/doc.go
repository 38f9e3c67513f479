// Package hpadiff proves that the policy hpa behind the guards of guard.HPA
// decides as the HorizontalPodAutoscaler of Kubernetes 1.36 does: generated
// cases go through both, and every count and every condition must agree. It is
// a module of its own, so that the product never depends on k8s.io/kubernetes.
//
//	cd test/hpadiff && go test ./...          # 200,000 proposals, 2,640 trajectories of 50 syncs
//	cd test/hpadiff && go test -short -v ./... # a tenth
//	cd test/hpadiff && go mod tidy             # when the product's dependencies have changed
//
// A difference prints its seed and everything the two saw. It becomes a case
// of the tests in policy/hpa or guard before it is repaired.
package hpadiff
