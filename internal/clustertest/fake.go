package clustertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"golang.org/x/sync/errgroup"
)

const (
	kwokPort  = 10247
	fakeTaint = "rig.test/fake"
	fakeLabel = "rig.test/fake"
)

func (c *Cluster) layOutKwok() {
	server := fmt.Sprintf("%s:%d", nodeAddress, kwokPort)
	c.Kwok = c.component("kwok", answers("https://"+server+"/healthz"),
		"--config", c.path("kwok.yaml"), "--kubeconfig", c.Kubeconfig,
		"--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
		"--cidr=10.79.0.0/16", "--node-ip", nodeAddress, fmt.Sprintf("--node-port=%d", kwokPort), "--server-address", server,
		"--tls-cert-file", c.path("pki/node.crt"), "--tls-private-key-file", c.path("pki/node.key"),
		"--node-lease-duration-seconds=40")
}

// FakeNodes makes sure that there are so many nodes, or more, whose pods are
// objects of the API and nothing else: ready at once, gone at once, and using
// the CPU that [Cluster.SetCPU] says. A pod lands there with [OnFakeNodes].
func (c *Cluster) FakeNodes(t testing.TB, count int) {
	t.Helper()
	if !c.Kwok.wanted {
		config, err := exec.CommandContext(t.Context(), c.program, "kwok-config").Output()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(c.path("kwok.yaml"), config, 0o644); err != nil {
			t.Fatal(err)
		}
		c.want(t, c.Kwok)
	}
	for i := range count {
		_, err := c.Client.CoreV1().Nodes().Create(t.Context(), fakeNode(fmt.Sprintf("fake-%d", i)), metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
	}
}

func fakeNode(name string) *corev1.Node {
	room := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("1000"), corev1.ResourceMemory: resource.MustParse("1Ti"), corev1.ResourcePods: resource.MustParse("1000"),
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name:   name,
			Labels: map[string]string{fakeLabel: "true", "kubernetes.io/os": "linux", "kubernetes.io/hostname": name},
			Annotations: map[string]string{
				"kwok.x-k8s.io/node":                   "fake",
				"metrics.k8s.io/resource-metrics-path": "/metrics/nodes/" + name + "/metrics/resource",
			},
		},
		Spec:   corev1.NodeSpec{Taints: []corev1.Taint{{Key: fakeTaint, Effect: corev1.TaintEffectNoSchedule}}},
		Status: corev1.NodeStatus{Allocatable: room, Capacity: room},
	}
}

// OnFakeNodes is the part of a pod's spec, in YAML's flow style, that makes it
// a fake one.
const OnFakeNodes = `nodeSelector: {` + fakeLabel + `: "true"}, tolerations: [{key: ` + fakeTaint + `, operator: Exists}]`

// SetCPU says what each fake pod with the labels uses from now on ("65m").
func (c *Cluster) SetCPU(t testing.TB, namespace, selector, cpu string) {
	t.Helper()
	pods, err := c.Client.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		t.Fatal(err)
	}
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"kwok.x-k8s.io/usage-cpu":%q}}}`, cpu)
	g, ctx := errgroup.WithContext(t.Context())
	g.SetLimit(20)
	for _, pod := range pods.Items {
		g.Go(func() error { return c.annotate(ctx, namespace, pod.Name, patch) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

// annotate does nothing to a pod that has gone meanwhile.
func (c *Cluster) annotate(ctx context.Context, namespace, pod string, patch []byte) error {
	_, err := c.Client.CoreV1().Pods(namespace).Patch(ctx, pod, types.MergePatchType, patch, metav1.PatchOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
