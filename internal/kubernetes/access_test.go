package kubernetes

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// A token in a file is replaced every hour in a pod: who opens the cluster after
// that shares connections and watches with those who did before.
func TestAClusterIsTheSameWithItsNextToken(t *testing.T) {
	dir := t.TempDir()
	token, kubeconfig := filepath.Join(dir, "token"), filepath.Join(dir, "kubeconfig")
	write := func(file, text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server := func(port int) {
		write(kubeconfig, fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],
  clusters: [{name: c, cluster: {server: "https://127.0.0.1:%d"}}], users: [{name: u, user: {tokenFile: %q}}]}`, port, token))
	}
	open := func() *Cluster {
		t.Helper()
		c, err := Open(Access{Kubeconfig: kubeconfig})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	write(token, "first")
	server(1)
	before := open()
	write(token, "second")
	if open() != before {
		t.Error("with its next token it is another cluster")
	}
	server(2)
	if open() == before {
		t.Error("at another address it is the same cluster")
	}
}
