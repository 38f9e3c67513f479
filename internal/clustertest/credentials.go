package clustertest

import (
	"os"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// nodeName is that of the real node.
const nodeName = "node"

// masters may do everything.
var masters = []string{"system:masters"}

// credentials makes the certificates of all components and the clients of the
// tests. What rights each user has Kubernetes says itself at its first start.
func (c *Cluster) credentials() error {
	ca, err := newAuthority(c.path("pki"), "ca")
	if err != nil {
		return err
	}
	c.authority = ca
	frontProxy, err := newAuthority(c.path("pki"), "front-proxy-ca")
	if err != nil {
		return err
	}
	for _, issue := range []func() error{
		func() error { return writeTokenKeys(c.path("pki")) },
		func() error { return frontProxy.issue("front-proxy-client", "front-proxy-client", nil) },
		func() error {
			return ca.issue("apiserver", "kube-apiserver", nil, nodeAddress, "127.0.0.1", firstService, "localhost",
				"kubernetes", "kubernetes.default", "kubernetes.default.svc")
		},
		func() error { return ca.issue("apiserver-kubelet", "kube-apiserver-kubelet-client", masters) },
		func() error { return ca.issue("admin", "admin", masters) },
		func() error { return ca.issue("controller-manager", "system:kube-controller-manager", nil) },
		func() error { return ca.issue("scheduler", "system:kube-scheduler", nil) },
		func() error { return ca.issue("proxy", "system:kube-proxy", nil) },
		func() error {
			return ca.issue("node", "system:node:"+nodeName, []string{"system:nodes"}, nodeAddress, nodeName)
		},
		func() error {
			return ca.issue("metrics-server", "system:metrics-server", nil, nodeAddress, "metrics-server.kube-system.svc")
		},
	} {
		if err := issue(); err != nil {
			return err
		}
	}
	for _, user := range []string{"admin", "controller-manager", "scheduler", "proxy", "node", "metrics-server"} {
		who := &clientcmdapi.AuthInfo{ClientCertificate: c.path("pki", user+".crt"), ClientKey: c.path("pki", user+".key")}
		if err := c.writeKubeconfig(c.path(user+".kubeconfig"), user, "default", who); err != nil {
			return err
		}
	}
	return c.clients()
}

// writeKubeconfig writes a file that holds all it takes to be a user, so that
// it can be mounted or copied alone.
func (c *Cluster) writeKubeconfig(file, user, namespace string, who *clientcmdapi.AuthInfo) error {
	ca, err := os.ReadFile(c.path("pki/ca.crt"))
	if err != nil {
		return err
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["test"] = &clientcmdapi.Cluster{Server: apiURL, CertificateAuthorityData: ca}
	config.AuthInfos[user] = who
	config.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: user, Namespace: namespace}
	config.CurrentContext = "test"
	if err := clientcmdapi.FlattenConfig(config); err != nil {
		return err
	}
	return clientcmd.WriteToFile(*config, file)
}

func (c *Cluster) clients() error {
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig)
	if err != nil {
		return err
	}
	config.QPS, config.Burst = -1, -1
	c.Config = config
	c.Client, err = kubernetes.NewForConfig(config)
	return err
}
