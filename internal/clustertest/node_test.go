package clustertest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/flyball-io/flyball/internal/clustertest"
)

// A pod on the real node runs: it answers at its address and behind its
// Service, is told to end, and kubectl reaches into it.
func TestPodsReallyRun(t *testing.T) {
	cluster := clustertest.Start(t)
	begun := time.Now()
	cluster.Node(t)
	t.Logf("node after %.1f s (containerd %.1f, kubelet %.1f, kube-proxy %.1f)", time.Since(begun).Seconds(),
		cluster.Containerd.Took.Seconds(), cluster.Kubelet.Took.Seconds(), cluster.Proxy.Took.Seconds())
	namespace := cluster.Namespace(t)
	begun = time.Now()
	cluster.Apply(t, namespace, deployment("app", 2)+service("app"))
	cluster.Ready(t, time.Minute, namespace, "app", 2)
	t.Logf("two pods ready after %.1f s", time.Since(begun).Seconds())

	pods := podsOf(t, cluster, namespace)
	for _, pod := range pods {
		if got := get(t, "http://"+pod.ip+":8080/"); got != pod.name {
			t.Errorf("the pod at %s says it is %q, want %q", pod.ip, got, pod.name)
		}
	}
	t.Run("behind the service", func(t *testing.T) { behindTheService(t, cluster, namespace, pods) })
	t.Run("exec", func(t *testing.T) {
		if got := cluster.Kubectl(t, "exec", "--namespace", namespace, pods[0].name, "--", "/workload", "hostname"); strings.TrimSpace(got) != pods[0].name {
			t.Errorf("in the pod the host is %q, want %q", got, pods[0].name)
		}
	})
	t.Run("logs", func(t *testing.T) {
		if got := cluster.Kubectl(t, "logs", "--namespace", namespace, pods[0].name); got != "listening\n" {
			t.Errorf("the pod's log is %q", got)
		}
	})
	t.Run("port-forward", func(t *testing.T) { portForward(t, cluster, namespace, pods) })
	t.Run("fewer", func(t *testing.T) {
		cluster.Kubectl(t, "scale", "--namespace", namespace, "deployment/app", "--replicas=1")
		cluster.Ready(t, time.Minute, namespace, "app", 1)
	})
}

// behindTheService asks the Service's address, with a connection for each
// request, until every pod has answered.
func behindTheService(t *testing.T, cluster *clustertest.Cluster, namespace string, pods []pod) {
	found, err := cluster.Client.CoreV1().Services(namespace).Get(t.Context(), "app", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	answered := map[string]bool{}
	clustertest.Eventually(t, 30*time.Second, func(context.Context) error {
		name, err := tryGet("http://" + found.Spec.ClusterIP + ":8080/")
		if err != nil {
			return err
		}
		answered[name] = true
		if len(answered) < len(pods) {
			return fmt.Errorf("only %v answered", answered)
		}
		return nil
	})
}

func portForward(t *testing.T, cluster *clustertest.Cluster, namespace string, pods []pod) {
	cmd := cluster.KubectlCommand(t.Context(), cluster.Kubeconfig, "port-forward", "--namespace", namespace, "pod/"+pods[0].name, "18080:8080")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer endOf(t, cmd)
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("port-forward said %q: %v", line, err)
	}
	if got := get(t, "http://127.0.0.1:18080/"); got != pods[0].name {
		t.Errorf("through the port forwarded answers %q, want %q", got, pods[0].name)
	}
}

func endOf(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // killed is an error
}

type pod struct{ name, ip string }

func podsOf(t *testing.T, cluster *clustertest.Cluster, namespace string) []pod {
	t.Helper()
	found, err := cluster.Client.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var pods []pod
	for _, p := range found.Items {
		pods = append(pods, pod{p.Name, p.Status.PodIP})
	}
	return pods
}

func get(t *testing.T, url string) string {
	t.Helper()
	body, err := tryGet(url)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// tryGet asks over a connection of its own: a Service chooses a pod for each.
func tryGet(url string) (string, error) {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusOK {
		err = errors.Join(err, errors.New(response.Status))
	}
	return strings.TrimSpace(string(body)), err
}

// service is the ClusterIP in front of a deployment.
func service(name string) string {
	return fmt.Sprintf(`
---
apiVersion: v1
kind: Service
metadata: {name: %[1]s}
spec:
  selector: {app: %[1]s}
  ports: [{port: 8080}]
`, name)
}
