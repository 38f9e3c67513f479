package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/record/sqlite"
)

// opening wants three replicas at any time, but waits an hour after a change.
const opening = `
apiVersion: flyball.io/v1alpha1
kind: Autoscaler
metadata: {name: web}
spec:
  target: {process: {command: [sleep, "60"], port: 8119}}
  replicas: {min: 0, max: 5}
  policy: {schedule: {windows: [{cron: "* * * * *", duration: 1h, min: 3}]}}
  cooldown: {scaleUp: 1h}
`

// A plan decides as the controller would after a restart: with what it
// remembers, also beside it, and without changing anything. It says whether.
func TestAPlanDecidesWithWhatRunRemembers(t *testing.T) {
	file, state := documentFile(t, "web.yaml", opening), t.TempDir()
	plan := func(words ...string) {
		t.Helper()
		var out bytes.Buffer
		root := newRootCommand()
		root.SetArgs([]string{"plan", "-f", file, "--state-dir", state})
		root.SetOut(&out)
		if err := root.Execute(); err != nil {
			t.Fatal(err)
		}
		for _, word := range words {
			if !strings.Contains(out.String(), word) {
				t.Errorf("got\n%swant %q", out.String(), word)
			}
		}
	}
	plan("web  0 → 3  (Apply,", "\n  memory: none, begins anew: flyball run has recorded nothing in "+state)

	f := documentFlags{files: []string{file}}
	specs, err := f.specs(strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	was, err := specs[0].Plan()
	if err != nil {
		t.Fatal(err)
	}
	was.Applied(record.Applied{Target: "web", At: time.Now().Add(-time.Minute), From: 3, To: 0})
	was.Decided = time.Now().Add(-time.Hour)
	data, err := was.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(state, recordFile)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	plan("memory: none, begins anew: flyball run has recorded nothing of it in " + state)
	if err := store.Write(t.Context(), record.Batch{Values: []record.Value{
		{Target: "web", Key: record.DeciderKey, Data: data},
		{Target: "web", Key: record.OverrideKey, Data: []byte(`{"mode":"Paused"}`)},
	}}); err != nil {
		t.Fatal(err)
	}
	plan("web  0 → 0  (Paused,", "\n  memory: that of flyball run, as saved 1h", "left since the last change; wanted 3")
}
