package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/policy/learned/learnedtest"
)

// servePolicyHere runs flyball serve-policy on a free port until the test ends, and
// returns where it answers.
func servePolicyHere(t *testing.T, args ...string) string {
	t.Helper()
	root := newRootCommand()
	reader, writer := io.Pipe()
	root.SetOut(writer)
	root.SetErr(io.Discard)
	root.SetArgs(append([]string{"serve-policy", "--listen", "127.0.0.1:0"}, args...))
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		err := root.ExecuteContext(ctx)
		_ = writer.CloseWithError(io.EOF)
		ended <- err
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("serve-policy ended with %v", err)
		}
	})
	line, err := bufio.NewReader(reader).ReadString('\n')
	_, url, found := strings.Cut(strings.TrimSpace(line), " answers at ")
	if !found {
		t.Fatalf("it says %q, %v, want where it answers", line, err)
	}
	return url
}

// A policy behind a network is judged as it is without one: same decisions, same
// figures to the last bit.
func TestAServedPolicyIsJudgedAsItIsWithoutANetwork(t *testing.T) {
	url := servePolicyHere(t, "predictive:risk=0.5")
	figures := func(policy string) map[string]any {
		t.Helper()
		dir := t.TempDir()
		out, stderr, status := evaluateHere(t, "--trace", "shape:step", "--peak-rps", "200", "--window", "0h:30m", "--fluid", "--seeds", "1", "--out", dir, "--policy", policy)
		if status != 0 {
			t.Fatalf("status %d: %s%s", status, out, stderr)
		}
		data, err := os.ReadFile(filepath.Join(dir, "results.json"))
		if err != nil {
			t.Fatal(err)
		}
		var results struct{ Runs []map[string]any }
		if err := json.Unmarshal(data, &results); err != nil || len(results.Runs) != 1 {
			t.Fatalf("%v: %s", err, data)
		}
		run := results.Runs[0]
		delete(run, "policy")
		return run
	}
	envelope := `,envelope={"expert":{"lcp":{}}}` // both the same
	want := figures("predictive:risk=0.5" + envelope)
	got := figures("remote:url=" + url + envelope)
	for name, value := range want {
		if a, b := mustJSON(t, value), mustJSON(t, got[name]); !bytes.Equal(a, b) {
			t.Errorf("%s: %s behind a network, %s without", name, b, a)
		}
	}
	if want["scaling_actions"] == 0.0 || len(want) < 10 {
		t.Errorf("nothing was compared: %v", want)
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestWhatServePolicyRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"nobody's policy":       {[]string{"psychic"}, `unknown policy "psychic"`},
		"no such file":          {[]string{filepath.Join(dir, "gone.flyball")}, "gone.flyball: "},
		"a folder":              {[]string{dir}, "is a folder; must be the file of a model"},
		"an empty file":         {[]string{write("empty", "\n")}, "empty: is empty; must hold one policy"},
		"a wrong field":         {[]string{"hpa:cpuUtilization=-1"}, "cpuUtilization"},
		"two policies":          {[]string{write("two.yaml", "hpa: {}\nkpa: {}\n")}, "must have exactly one key"},
		"a document":            {[]string{write("doc.yaml", "apiVersion: v1\nkind: x\n")}, "must have exactly one key"},
		"no YAML":               {[]string{write("no.yaml", "\t{")}, "neither a model nor a policy"},
		"a model cut off":       {[]string{write("cut.flyball", "FLYBALL\nxx")}, "learned"},
		"nobody may ask":        {[]string{"hpa", "--listen", "0.0.0.0:0"}, "name a --token-file"},
		"with and without":      {[]string{"hpa", "--without-token", "--token-file", "x"}, "--token-file names some"},
		"half a certificate":    {[]string{"hpa", "--tls-cert", "x"}, "name both or none"},
		"nobody at a time":      {[]string{"hpa", "--parallel", "0"}, "--parallel: must be at least 1"},
		"who asks others":       {[]string{"remote:url=http://a"}, "cannot be served"},
		"more than one of them": {[]string{"hpa", "kpa"}, "serve-policy"},
	} {
		t.Run(name, func(t *testing.T) {
			root := newRootCommand()
			root.SetOut(io.Discard)
			root.SetErr(io.Discard)
			root.SetArgs(append([]string{"serve-policy"}, tc.args...))
			err := root.ExecuteContext(t.Context())
			if err == nil || !strings.Contains(err.Error(), tc.want) || report(io.Discard, err) != 2 {
				t.Errorf("got %v, want wrong usage: %s", err, tc.want)
			}
		})
	}
}

// What is served may stand in a file, as it stands in a document.
func TestAPolicyInAFileIsServed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(path, []byte("combine:\n  max:\n    - hpa: {cpuUtilization: 60}\n    - kpa: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	servePolicyHere(t, path)
}

// The model that ships is served by its name, as a document names it, whatever file
// lies there.
func TestTheModelThatShipsIsServedByItsName(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("general", []byte("hpa: {cpuUtilization: 60}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := policyOf("general")
	if err != nil || p.Kind != "learned" || string(p.Body) != `{"model":"general"}` {
		t.Errorf("got %s %s, %v; want the policy learned with the model general", p.Kind, p.Body, err)
	}
	servePolicyHere(t, "general")
}

// A stack holds the model that its container serves; what is no model is refused
// before anything is written.
func TestTheModelOfAStack(t *testing.T) {
	dir := t.TempDir()
	none, model := filepath.Join(dir, "none"), filepath.Join(dir, "web.flyball")
	if err := errors.Join(os.WriteFile(none, []byte("FLYBALL\nxx"), 0o600), os.WriteFile(model, learnedtest.AsBase(t), 0o600)); err != nil {
		t.Fatal(err)
	}
	root := newRootCommand()
	root.SetOut(io.Discard)
	root.SetErr(io.Discard)
	root.SetArgs([]string{"deploy", "compose", "--serve-policy", "--policy-model", none, "--dir", filepath.Join(dir, "refused")})
	if err := root.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), "--policy-model: "+none+": not a model") || report(io.Discard, err) != 2 {
		t.Errorf("got %v, want wrong usage", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "refused")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder was written: %v", err)
	}
	deployed(t, "compose", "--serve-policy", "--policy-model", model, "--dir", filepath.Join(dir, "shop"))
	got, err := os.ReadFile(filepath.Join(dir, "shop", "policy", "model.flyball"))
	if err != nil || !bytes.Equal(got, learnedtest.AsBase(t)) {
		t.Errorf("the stack's model: %d bytes, %v", len(got), err)
	}
}

// A trained model is served as any policy.
func TestAModelIsServed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web.flyball")
	if err := os.WriteFile(path, learnedtest.AsBase(t), 0o600); err != nil {
		t.Fatal(err)
	}
	servePolicyHere(t, path)
}
