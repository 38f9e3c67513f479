package clustertest

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"time"
)

// Addresses of the cluster, in a network that only the tests are in.
const (
	bridge         = "flynode"
	nodeAddress    = "10.77.0.1" // of the bridge that pods are on: a node must not be at loopback
	podNetwork     = "10.77.0.0/16"
	serviceNetwork = "10.78.0.0/16"
	firstService   = "10.78.0.1" // the API server itself, for pods
	apiURL         = "https://" + nodeAddress + ":6443"
	etcdURL        = "http://127.0.0.1:2379"
)

func (c *Cluster) layOutControlPlane() {
	c.Etcd = c.component("etcd", answers(etcdURL+"/health"),
		"--data-dir", c.path("etcd"), "--listen-client-urls", etcdURL, "--listen-peer-urls", "http://127.0.0.1:2380")
	c.APIServer = c.component("kube-apiserver", c.apiReady, c.apiServerFlags()...)
	c.ControllerManager = c.component("kube-controller-manager", answers("https://127.0.0.1:10257/healthz"), c.controllerManagerFlags()...)
	c.Scheduler = c.component("kube-scheduler", answers("https://127.0.0.1:10259/healthz"),
		"--kubeconfig", c.path("scheduler.kubeconfig"), "--bind-address=127.0.0.1", "--leader-elect=false",
		"--kube-api-qps=500", "--kube-api-burst=1000")
	for _, component := range []*Component{c.Etcd, c.APIServer, c.ControllerManager, c.Scheduler} {
		component.wanted = true
	}
}

func (c *Cluster) apiServerFlags() []string {
	return []string{
		"--etcd-servers", etcdURL,
		"--bind-address", nodeAddress, "--advertise-address", nodeAddress, "--service-cluster-ip-range", serviceNetwork,
		"--tls-cert-file", c.path("pki/apiserver.crt"), "--tls-private-key-file", c.path("pki/apiserver.key"),
		"--client-ca-file", c.path("pki/ca.crt"),
		"--kubelet-client-certificate", c.path("pki/apiserver-kubelet.crt"), "--kubelet-client-key", c.path("pki/apiserver-kubelet.key"),
		"--kubelet-certificate-authority", c.path("pki/ca.crt"), "--kubelet-preferred-address-types=InternalIP",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file", c.path("pki/tokens.pub"), "--service-account-signing-key-file", c.path("pki/tokens.key"),
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
		// What metrics-server and other APIs behind this one ask for.
		"--requestheader-client-ca-file", c.path("pki/front-proxy-ca.crt"), "--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file", c.path("pki/front-proxy-client.crt"), "--proxy-client-key-file", c.path("pki/front-proxy-client.key"),
		"--enable-aggregator-routing=true",
		// Else watches keep it for a minute when it is told to end.
		"--shutdown-watch-termination-grace-period=1s",
		// A thousand pods report at once; the defaults are 400 and 200.
		"--max-requests-inflight=2000", "--max-mutating-requests-inflight=1000",
	}
}

func (c *Cluster) controllerManagerFlags() []string {
	return []string{
		"--kubeconfig", c.path("controller-manager.kubeconfig"), "--bind-address=127.0.0.1", "--leader-elect=false",
		"--use-service-account-credentials", "--service-account-private-key-file", c.path("pki/tokens.key"),
		"--root-ca-file", c.path("pki/ca.crt"),
		"--cluster-signing-cert-file", c.path("pki/ca.crt"), "--cluster-signing-key-file", c.path("pki/ca.key"),
		"--kube-api-qps=500", "--kube-api-burst=1000",
	}
}

// apiReady says whether the API server says so itself, and knows our user.
func (c *Cluster) apiReady(ctx context.Context) error {
	return c.Client.CoreV1().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
}

// answers is a check that a URL of one of our processes answers with 200.
func answers(url string) func(context.Context) error {
	client := &http.Client{
		Timeout:   5 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true},
	}
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s", url, response.Status)
		}
		return nil
	}
}
