package clustertest

import (
	"context"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// settleTimeout bounds what the cluster itself does without pods.
const settleTimeout = 30 * time.Second

// Namespace makes a namespace for a test, in which pods may be made. What is
// in it ends with the test, without being waited for.
func (c *Cluster) Namespace(t testing.TB) string {
	t.Helper()
	wanted := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	made, err := c.Client.CoreV1().Namespaces().Create(t.Context(), wanted, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
		defer cancel()
		if !c.APIServer.running() {
			return // with the next test it is there again, and nothing of it hurts
		}
		if err := c.Client.CoreV1().Namespaces().Delete(ctx, made.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	// The account that pods run as is made by the controller manager.
	Eventually(t, settleTimeout, func(ctx context.Context) error {
		_, err := c.Client.CoreV1().ServiceAccounts(made.Name).Get(ctx, "default", metav1.GetOptions{})
		return err
	})
	return made.Name
}

// Eventually asks again until there is no error, for as long as within.
func Eventually(t testing.TB, within time.Duration, ask func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	var last error
	for {
		err := ask(ctx)
		switch {
		case err == nil:
			return
		case ctx.Err() == nil || last == nil: // else it only says that time is up
			last = err
		}
		select {
		case <-ctx.Done():
			t.Fatalf("not in %v: %v", within, last)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Ready waits until a Deployment has so many replicas, all of them ready and
// none too many.
func (c *Cluster) Ready(t testing.TB, within time.Duration, namespace, deployment string, replicas int32) {
	t.Helper()
	Eventually(t, within, func(ctx context.Context) error {
		found, err := c.Client.AppsV1().Deployments(namespace).Get(ctx, deployment, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if is := found.Status; is.ObservedGeneration != found.Generation || is.ReadyReplicas != replicas || is.Replicas != replicas {
			return fmt.Errorf("deployment %s/%s: %d of %d replicas ready, want %d", namespace, deployment, is.ReadyReplicas, is.Replicas, replicas)
		}
		return nil
	})
}
