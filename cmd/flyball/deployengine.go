package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/flyball-io/flyball/deploy/stack"
	"github.com/flyball-io/flyball/internal/clock"
)

// engineCLI runs docker as a person would, and shows what it says.
type engineCLI struct {
	out     io.Writer
	options stack.Options
	dir     string
}

// run shows what docker says.
func (e engineCLI) run(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Stdout, cmd.Stderr = e.out, e.out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("docker %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// ask returns the words of what docker answers.
func (e engineCLI) ask(ctx context.Context, args ...string) ([]string, error) {
	out, err := e.answer(ctx, args...)
	return strings.Fields(out), err
}

// answer returns what docker answers.
func (e engineCLI) answer(ctx context.Context, args ...string) (string, error) {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("docker %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}

func (e engineCLI) swarm() bool { return e.options.Orchestrator == stack.Swarm }

func (e engineCLI) file() string { return filepath.Join(e.dir, stack.Main(e.options.Orchestrator)) }

func (e engineCLI) compose(args ...string) []string {
	return append([]string{"compose", "--project-directory", e.dir, "-f", e.file(), "-p", e.options.Name}, args...)
}

// replicas is how many of the app there are; 0 where there is no stack yet, or
// nobody can say. What is deployed again must not take away what Flyball added.
func (e engineCLI) replicas(ctx context.Context) int {
	if e.swarm() {
		answer, err := e.ask(ctx, "service", "inspect", e.options.Name+"_app", "--format", "{{.Spec.Mode.Replicated.Replicas}}")
		if err != nil || len(answer) != 1 {
			return 0
		}
		n, _ := strconv.Atoi(answer[0]) // no number is no stack
		return n
	}
	answer, err := e.ask(ctx, "ps", "-q", "--filter", "label=com.docker.compose.project="+e.options.Name,
		"--filter", "label=com.docker.compose.service=app", "--filter", "label=com.docker.compose.oneoff=False")
	if err != nil {
		return 0
	}
	return len(answer)
}

// apply starts the stack, or changes what differs.
func (e engineCLI) apply(ctx context.Context) error {
	if !e.swarm() {
		return e.run(ctx, e.compose("up", "-d", "--build", "--remove-orphans")...)
	}
	if e.options.Balancer != stack.Builtin { // a stack cannot build
		if err := e.run(ctx, "build", "-t", e.balancerImage(), "-f", filepath.Join(e.dir, "balancer.Containerfile"), e.dir); err != nil {
			return err
		}
	}
	return e.run(ctx, "stack", "deploy", "--prune", "--resolve-image", "changed", "-c", e.file(), e.options.Name)
}

func (e engineCLI) balancerImage() string {
	return stack.BalancerImage(e.options)
}

// howToStart is the command that apply runs.
func (e engineCLI) howToStart() string {
	if e.swarm() {
		return "docker stack deploy -c " + e.file() + " " + e.options.Name
	}
	return "docker compose -f " + e.file() + " up -d --build"
}

// remove ends the stack and takes away what it left.
func (e engineCLI) remove(ctx context.Context, files []stack.File, keepData bool) error {
	end := e.endProject
	if e.swarm() {
		end = e.endStack
	}
	if err := end(ctx, keepData); err != nil || keepData {
		return err
	}
	if e.options.Balancer != stack.Builtin {
		_, _ = e.ask(ctx, "image", "rm", e.balancerImage()) // there may be none
	}
	return stack.Remove(e.dir, files)
}

func (e engineCLI) endProject(ctx context.Context, keepData bool) error {
	args := []string{"compose", "-p", e.options.Name, "down", "--remove-orphans"} // by its labels: the files may be gone
	if err := e.run(ctx, args...); err != nil || keepData {
		return err
	}
	return e.dropVolumes(ctx, e.label())
}

func (e engineCLI) endStack(ctx context.Context, keepData bool) error {
	if err := e.run(ctx, "stack", "rm", e.options.Name); err != nil || keepData {
		return err
	}
	if err := e.ended(ctx, e.label()); err != nil {
		return err
	}
	return e.dropVolumes(ctx, e.label())
}

// ended waits for the tasks of a stack on this node: they end a while after it.
func (e engineCLI) ended(ctx context.Context, label string) error {
	ctx, cancel := context.WithTimeout(ctx, dropTimeout)
	defer cancel()
	for {
		left, err := e.ask(ctx, "ps", "-aq", "--filter", "label="+label)
		if err != nil || len(left) == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("containers have not ended: %s", strings.Join(left, ", "))
		case <-clock.System.After(dropPoll):
		}
	}
}

// A container may take its time to answer what it has; until it is gone its
// volumes are in use.
const (
	dropTimeout = 90 * time.Second
	dropPoll    = time.Second
)

// dropVolumes removes the volumes of this node that have a label.
func (e engineCLI) dropVolumes(ctx context.Context, label string) error {
	ctx, cancel := context.WithTimeout(ctx, dropTimeout)
	defer cancel()
	for {
		volumes, err := e.ask(ctx, "volume", "ls", "-q", "--filter", "label="+label)
		if err != nil {
			return err
		}
		if len(volumes) == 0 {
			return nil
		}
		_, err = e.ask(ctx, append([]string{"volume", "rm"}, volumes...)...)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(errors.New("volumes are still in use"), err)
		case <-clock.System.After(dropPoll):
		}
	}
}

// engineSocket is the engine's socket on this machine and the group that may
// use it; below 0 nobody knows.
func engineSocket(host string) (path string, gid int) {
	path = "/var/run/docker.sock"
	if unix, is := strings.CutPrefix(host, "unix://"); is {
		path = unix
	}
	return path, groupOf(path)
}
