package clustertest

import (
	"path/filepath"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Account makes a service account that may do in its namespace what the rules
// say, and returns a kubeconfig for it.
func (c *Cluster) Account(t testing.TB, namespace, name string, rules ...rbacv1.PolicyRule) (kubeconfig string) {
	t.Helper()
	meta := metav1.ObjectMeta{Name: name, Namespace: namespace}
	if _, err := c.Client.CoreV1().ServiceAccounts(namespace).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: meta}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	rbac := c.Client.RbacV1()
	if _, err := rbac.Roles(namespace).Create(t.Context(), &rbacv1.Role{ObjectMeta: meta, Rules: rules}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: meta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: name, Namespace: namespace}},
	}
	if _, err := rbac.RoleBindings(namespace).Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	return c.KubeconfigOf(t, namespace, name)
}

// KubeconfigOf returns a kubeconfig for a service account that is there, with
// the rights that it has: those of manifests that were applied, for example.
func (c *Cluster) KubeconfigOf(t testing.TB, namespace, account string) string {
	t.Helper()
	seconds := int64(6 * 60 * 60)
	asked := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	given, err := c.Client.CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), account, asked, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), account+".kubeconfig")
	if err := c.writeKubeconfig(file, account, namespace, &clientcmdapi.AuthInfo{Token: given.Status.Token}); err != nil {
		t.Fatal(err)
	}
	return file
}
