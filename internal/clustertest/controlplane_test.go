package clustertest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/flyball-io/flyball/internal/clustertest"
)

func TestMain(m *testing.M) { clustertest.Main(m) }

// Without a node there is an API whose objects are looked after: a Deployment
// has its ReplicaSet and its pods, which wait for a node.
func TestControlPlaneLooksAfterObjects(t *testing.T) {
	cluster := clustertest.Start(t)
	for _, part := range []*clustertest.Component{cluster.Etcd, cluster.APIServer, cluster.ControllerManager, cluster.Scheduler} {
		t.Logf("%s ready after %.1f s", part.Name, part.Took.Seconds())
	}
	namespace := cluster.Namespace(t)
	cluster.Apply(t, namespace, deployment("app", 2))
	lookedAfter(t, cluster, namespace, "app", 2)
	if pods := cluster.Kubectl(t, "get", "pods", "--namespace", namespace, "--output=jsonpath={.items[*].status.phase}"); pods != "Pending Pending" {
		t.Errorf("pods are %q, want two that wait for a node", pods)
	}
}

// An account may do what its rules say, and nothing else.
func TestAccountMayOnlyWhatItsRulesSay(t *testing.T) {
	cluster := clustertest.Start(t)
	namespace := cluster.Namespace(t)
	cluster.Apply(t, namespace, deployment("app", 0))
	client := clientOf(t, cluster.Account(t, namespace, "scaler", rbacv1.PolicyRule{
		APIGroups: []string{appsv1.GroupName}, Resources: []string{"deployments/scale"}, Verbs: []string{"get", "update"},
	}))
	found, err := client.AppsV1().Deployments(namespace).GetScale(t.Context(), "app", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	found.Spec = autoscalingv1.ScaleSpec{Replicas: 3}
	found.ResourceVersion = "" // the controller writes to it meanwhile
	if _, err := client.AppsV1().Deployments(namespace).UpdateScale(t.Context(), "app", found, metav1.UpdateOptions{}); err != nil {
		t.Errorf("scale: %v", err)
	}
	if _, err := client.AppsV1().Deployments(namespace).Get(t.Context(), "app", metav1.GetOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("read the whole deployment: got %v, want forbidden", err)
	}
	if _, err := client.AppsV1().Deployments("default").GetScale(t.Context(), "app", metav1.GetOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("read a scale of another namespace: got %v, want forbidden", err)
	}
}

// What was written is there after each way of going down, and is looked after.
func TestComponentsComeBack(t *testing.T) {
	cluster := clustertest.Start(t)
	namespace := cluster.Namespace(t)
	for _, down := range []struct {
		name string
		do   func()
	}{
		{"api-restarted", func() { cluster.APIServer.Restart(t) }},
		{"api-killed", func() { cluster.APIServer.Kill(t); cluster.APIServer.Start(t) }},
		{"api-hung", func() { defer cluster.APIServer.Hang(t)(); time.Sleep(2 * time.Second) }},
		{"etcd-killed", func() { cluster.Etcd.Kill(t); cluster.Etcd.Start(t) }},
		{"controllers-restarted", func() { cluster.ControllerManager.Restart(t) }},
	} {
		begun := time.Now()
		down.do()
		back := time.Since(begun)
		cluster.Apply(t, namespace, deployment(down.name, 1))
		lookedAfter(t, cluster, namespace, down.name, 1)
		t.Logf("%s: ready after %.1f s, a new Deployment looked after at %.1f s", down.name, back.Seconds(), time.Since(begun).Seconds())
	}
}

// A component that a test leaves down is up for the next, and runs without the
// flags of the test before.
func TestWhatATestChangesIsItsOwn(t *testing.T) {
	const short = "--horizontal-pod-autoscaler-sync-period=5s"
	t.Run("flags are asked for", func(t *testing.T) {
		cluster := clustertest.Start(t, clustertest.HPA(5*time.Second, 30*time.Second))
		if got := commandLine(t, cluster.ControllerManager); !strings.Contains(got, short) {
			t.Errorf("the controller manager runs as %s, want %s", got, short)
		}
		cluster.Scheduler.Stop(t)
	})
	t.Run("the next has none", func(t *testing.T) {
		cluster := clustertest.Start(t)
		if got := commandLine(t, cluster.ControllerManager); strings.Contains(got, short) {
			t.Errorf("the controller manager runs as %s, with flags of a test that is over", got)
		}
		namespace := cluster.Namespace(t)
		cluster.Apply(t, namespace, deployment("app", 1))
		clustertest.Eventually(t, 30*time.Second, func(ctx context.Context) error {
			pods, err := cluster.Client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
			if err != nil {
				return err
			}
			if len(pods.Items) != 1 || !saidUnschedulable(pods.Items[0]) {
				return errors.New("the scheduler has not looked at the pod")
			}
			return nil
		})
	})
}

// clientOf is the client of a kubeconfig.
func clientOf(t *testing.T, kubeconfig string) kubernetes.Interface {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// lookedAfter waits until a Deployment has pods, ready or not.
func lookedAfter(t *testing.T, cluster *clustertest.Cluster, namespace, name string, pods int32) {
	t.Helper()
	clustertest.Eventually(t, time.Minute, func(ctx context.Context) error {
		found, err := cluster.Client.AppsV1().Deployments(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if found.Status.Replicas != pods {
			return fmt.Errorf("%s has %d pods, want %d", name, found.Status.Replicas, pods)
		}
		return nil
	})
}

func saidUnschedulable(pod corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodScheduled && c.Reason == corev1.PodReasonUnschedulable
	})
}

func commandLine(t *testing.T, component *clustertest.Component) string {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", component.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(raw), "\x00", " ")
}

// deployment is one of the workload image, at the real node.
func deployment(name string, replicas int) string {
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s}
spec:
  replicas: %[2]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      dnsPolicy: Default
      containers:
      - name: app
        image: rig.test/workload:1
        imagePullPolicy: Never
        ports: [{containerPort: 8080}]
        readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 1, timeoutSeconds: 5}
        resources: {requests: {cpu: 100m, memory: 32Mi}, limits: {cpu: 500m}}
`, name, replicas)
}
