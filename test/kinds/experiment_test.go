//go:build linux

package kinds

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/advisor/advisortest"
	"github.com/flyball-io/flyball/experiment"
	"github.com/flyball-io/flyball/internal/dockertest"
	"github.com/flyball-io/flyball/internal/testenv"
)

// A service with a limit of CPU: the HPA keeps shares of it.
const composeFile = `services:
  web:
    image: shop:experiment
    cpus: 0.5
    mem_limit: 64m
    environment: {APP: '{"slots":2,"serviceMean":"40ms","linger":"1s"}'}
`

// The phases of an experiment on a Compose service: what scales it, and what is
// written down, is what each phase is about.
func TestExperimentOnACompose(t *testing.T) {
	engine, address := dockertest.Engine(t), freeAddress(t)
	engine.Image(t, "shop:experiment")
	p := newPlace(t, "")
	t.Setenv("DOCKER_HOST", engine.Endpoint)
	t.Setenv("DOCKER_CONFIG", p.dir)
	must(t, os.MkdirAll(filepath.Join(p.dir, "cli-plugins"), 0o755))
	must(t, os.Symlink(testenv.Built(t, "compose"), filepath.Join(p.dir, "cli-plugins", "docker-compose")))
	must(t, os.WriteFile(filepath.Join(p.dir, "compose.yaml"), []byte(composeFile), 0o600))
	compose := func(args ...string) {
		cmd := exec.Command(testenv.Command(t, "/usr/bin/docker"), append([]string{"compose", "--project-name", "lab"}, args...)...)
		cmd.Dir = p.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("docker compose %v: %v: %s", args, err, out)
		}
	}
	compose("up", "--detach")
	t.Cleanup(func() { compose("down", "--timeout", "0") })
	phase := func(mode, into string, ai ...string) {
		p.says(true, append([]string{"experiment", "--compose", "lab/web", "--mode", mode, "--duration", "0.4", "--interval", "2", "--publish", address, "--max-replicas", "3", "--output-dir", into, "--ai"}, ai...),
			mode+": compose service lab/web, a row every 2s in "+into+"/experiment_"+mode+"_", "replica-hours")
	}
	loaded := func(mode, into string, ai ...string) {
		load := exec.Command(p.program, "load", "--url", "http://"+address, "--rps", "80", "--duration", "20s", "--timeout", "5s")
		wait := make(chan error, 1)
		go func() {
			eventually(t, "the balancer answers", func() bool {
				return exec.Command(p.program, "load", "--url", "http://"+address, "--rps", "1", "--duration", "1s").Run() == nil
			})
			wait <- load.Run()
		}()
		phase(mode, into, ai...)
		<-wait // the end of the phase may be before that of the load
	}
	loaded("ai_scaler", "data", "predictive")
	phase("hpa_only", "data", "predictive")
	phase("comparison", "data", "predictive")
	p.says(true, []string{"experiment", "report", "data"}, `phase +ai_scaler +hpa_only +comparison`)

	for mode, by := range map[experiment.Mode]string{experiment.AIScaler: experiment.ByAI, experiment.HPAOnly: experiment.ByHPA, experiment.Comparison: experiment.ByNone} {
		rows := rowsOf(t, p, "data", mode)
		most, measured, applied := 0, 0, 0
		for _, r := range rows {
			most = max(most, r.CurrentReplicas)
			// Until there is data nothing is decided.
			if waits := r.AppliedBy == experiment.ByNone && strings.HasPrefix(r.AIReasoning, "hold: "); r.AIReasoning == "" || r.AppliedBy != by && !waits {
				t.Errorf("%s: %+v, want applied by %s and a reason", mode, r, by)
			}
			if r.AppliedBy == by {
				applied++
			}
			if r.CPUMillicores != nil && r.MemoryMebibytes != nil && r.HPASimCPURatio != nil && r.HPASimMemRatio != nil && r.HPASimDesired != nil {
				measured++
			}
		}
		if len(rows) < 6 || measured < len(rows)/2 || applied < len(rows)/2 {
			t.Errorf("%s: %d rows, %d of them with all that is measured, %d applied by %s", mode, len(rows), measured, applied, by)
		}
		if mode == experiment.AIScaler && most < 2 { // 80 requests/s of 40 ms, two at a time, take two replicas
			t.Errorf("the predicting scaler stayed at %d", most)
		}
	}

	t.Setenv("LLM_RPM", "1000")
	ollama := advisortest.NewServer(t, advisortest.Ollama, advisortest.Say(`{"reasoning":"more will come","replicas":3,"confidence":0.8}`))
	loaded("ai_scaler", "spoken", "llm", "--ollama-url", ollama.URL())
	rows, spoken := rowsOf(t, p, "spoken", experiment.AIScaler), 0
	for _, r := range rows {
		if r.AIReasoning == "more will come" && r.AIRecommendedReplicas != nil && *r.AIRecommendedReplicas == 3 && r.AppliedBy == experiment.ByAI {
			spoken++
		}
	}
	if len(rows) < 6 || spoken < len(rows)/2 {
		t.Errorf("a language model: its words are in %d of %d rows", spoken, len(rows))
	}
}

func rowsOf(t *testing.T, p *place, dir string, mode experiment.Mode) []experiment.Row {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(p.dir, dir, fmt.Sprintf("experiment_%s_*.csv", mode)))
	if err != nil || len(files) != 1 {
		t.Fatalf("%s: files %v, %v", mode, files, err)
	}
	text, err := os.ReadFile(files[0])
	must(t, err)
	rows, err := experiment.Read(strings.NewReader(string(text)))
	if err != nil {
		t.Fatalf("%s: %v\n%s", mode, err, text)
	}
	return rows
}
