package leftover_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/app/leftover"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/target/process"
)

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for over := clock.System.After(20 * time.Second); !holds(); {
		select {
		case <-over:
			t.Fatalf("%s: did not happen", what)
		case <-clock.System.After(20 * time.Millisecond):
		}
	}
}

// attend runs replicas of a service until leave is called; they go on then.
func attend(t *testing.T, dir, name string, replicas int) (leave func()) {
	t.Helper()
	cfg := process.Default()
	cfg.Command = []string{"/bin/sleep", "1000"}
	target, err := process.New(name, cfg, process.Options{Clock: clock.System, Log: slog.New(slog.DiscardHandler), StateDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- target.Run(ctx) }()
	if err := target.SetReplicas(ctx, replicas); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the replicas run", func() bool {
		status, err := target.Status(ctx)
		return err == nil && len(status.Replicas) == replicas
	})
	left := false
	leave = func() {
		if left {
			return
		}
		left = true
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(func() {
		leave()
		services, _ := leftover.List(context.Background(), dir, clock.System)
		hurried, rush := context.WithCancel(context.Background())
		rush()
		for _, s := range services {
			_ = leftover.Stop(hurried, s, dir, clock.System)
		}
	})
	return leave
}

func TestWhatAControllerLeftIsListedAndEnded(t *testing.T) {
	dir := t.TempDir()
	if got, err := leftover.List(t.Context(), filepath.Join(dir, "none"), clock.System); err != nil || len(got) != 0 {
		t.Errorf("a folder that is not there: got %v, %v, want nothing", got, err)
	}
	leave := attend(t, dir, "shop", 2)
	got, err := leftover.List(t.Context(), dir, clock.System)
	if err != nil || len(got) != 1 || got[0].Replicas != 2 || got[0].Controller == "" {
		t.Fatalf("attended: got %+v, %v, want 2 replicas and their controller", got, err)
	}
	if err := leftover.Stop(t.Context(), got[0], dir, clock.System); !errors.Is(err, leftover.ErrAttended) {
		t.Errorf("attended: got %v, want it to be refused", err)
	}
	leave()
	if got, err = leftover.List(t.Context(), dir, clock.System); err != nil || len(got) != 1 || got[0].Replicas != 2 || got[0].Controller != "" {
		t.Fatalf("left: got %+v, %v, want 2 replicas and no controller", got, err)
	}
	if err := leftover.Stop(t.Context(), got[0], dir, clock.System); err != nil {
		t.Errorf("left: %v", err)
	}
	if got, err = leftover.List(t.Context(), dir, clock.System); err != nil || len(got) != 0 {
		t.Errorf("ended: got %+v, %v, want nothing", got, err)
	}
}

func TestADamagedStateIsShown(t *testing.T) {
	for _, file := range []string{"shop.json", "shop.docker.json"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, file), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := leftover.List(t.Context(), dir, clock.System)
		if err != nil || len(got) != 1 || got[0].Name != "shop" || got[0].Damaged == "" {
			t.Errorf("%s: got %+v, %v, want shop with what is wrong", file, got, err)
		}
	}
}

// Containers of an engine that is away are shown as what nobody can see; those of
// a Compose project are neither counted nor ended.
func TestContainersOfSomebodyElseStay(t *testing.T) {
	dir := t.TempDir()
	write := func(up string) {
		state := `{"owner": "o", "desired": 1, "replicas": [{"id": "a", "name": "a", "container": "c", "config": ""}], "ending": {"endpoint": "unix:///none", "up": "` + up + `"}}`
		if err := os.WriteFile(filepath.Join(dir, "shop.docker.json"), []byte(state), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("")
	got, err := leftover.List(t.Context(), dir, clock.System)
	if err != nil || len(got) != 1 || !strings.Contains(got[0].Unseen, "unix:///none") || got[0].Damaged != "" {
		t.Errorf("ours: got %+v, %v, want that the engine is away", got, err)
	}
	write("docker compose up -d web")
	if got, err := leftover.List(t.Context(), dir, clock.System); err != nil || len(got) != 0 {
		t.Errorf("somebody else's: got %+v, %v, want nothing to end", got, err)
	}
	if err := leftover.Stop(t.Context(), leftover.Service{Name: "shop"}, dir, clock.System); err != nil {
		t.Errorf("somebody else's: %v", err)
	}
}
