package docker_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/target/docker"
)

// The count is written down while no engine is there; Run, which is left out
// here, makes the containers once one answers.
func Example() {
	dir, err := os.MkdirTemp("", "flyball")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	cfg := docker.Default()
	cfg.Image, cfg.Port = "shop/web:1", 8080
	cfg.Readiness.Path = "/healthz"
	cfg.Endpoint = "unix://" + dir + "/docker.sock"
	web, err := docker.New("shop-web", cfg, docker.Options{
		Clock: clock.System, Log: slog.New(slog.DiscardHandler), StateDir: dir,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(web.SetReplicas(context.Background(), 3))
	fmt.Println(web.SetReplicas(context.Background(), -1))
	cfg.Image = ""
	fmt.Println(cfg.Validate())
	// Output:
	// <nil>
	// docker target shop-web: replicas must be 0 or more, got -1
	// image, from: exactly one must be given, the image of a replica or the container it is made like
}
