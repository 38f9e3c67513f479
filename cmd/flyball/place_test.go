package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/kubernetes"
)

// noWorkloads is a cluster without a single one.
type noWorkloads struct{ why error }

func (n noWorkloads) Workload(_ context.Context, ref kubernetes.Ref) (kubernetes.Workload, error) {
	return kubernetes.Workload{}, fmt.Errorf("%s: %w", ref, n.why)
}

// The usual name of a Deployment is rarely theirs: who leaves out the flag is told
// of it, and not of a line of a document that nobody wrote.
func TestAPlaceThatIsNotThereIsSaidInFlags(t *testing.T) {
	ref := kubernetes.Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "webapp"}
	err := isThere(t.Context(), noWorkloads{kubernetes.ErrNotFound}, ref)
	var usage cli.UsageError
	if want := "--deployment: there is no Deployment shop/webapp; kubectl get deployment -A shows those there are"; !errors.As(err, &usage) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := isThere(t.Context(), noWorkloads{kubernetes.ErrUnreachable}, ref); !errors.Is(err, kubernetes.ErrUnreachable) {
		t.Errorf("got %v", err)
	}
}

func TestReportLooksWherePhasesAreKept(t *testing.T) {
	t.Chdir(t.TempDir())
	if _, stderr, status := execute(t.Context(), "experiment", "report"); status == 0 || !strings.Contains(stderr, experimentData) {
		t.Errorf("status %d, said %s", status, stderr)
	}
}

// A cluster that is away is told once, in the words of the program alone.
func TestLibrariesSayNothingBesideTheProgram(t *testing.T) {
	dir := t.TempDir()
	kubeconfig := filepath.Join(dir, "kubeconfig")
	const away = "{apiVersion: v1, kind: Config, current-context: x, clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}], users: [{name: u, user: {}}], contexts: [{name: x, context: {cluster: c, user: u}}]}"
	if err := os.WriteFile(kubeconfig, []byte(away), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(dir, "said"))
	if err != nil {
		t.Fatal(err)
	}
	terminal := os.Stderr
	os.Stderr = file
	status := run(t.Context(), []string{"stress", "cpu", "--kubeconfig", kubeconfig})
	os.Stderr = terminal
	said, err := os.ReadFile(file.Name())
	if err = errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	if status != 1 || !strings.HasPrefix(string(said), "flyball: Deployment default/webapp: the API server does not answer") || strings.Count(string(said), "\n") != 1 {
		t.Errorf("status %d, said %s; want one line", status, said)
	}
}
