package process

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/flyball-io/flyball/scale"
)

// The marks in a replica's environment, inherited by all it starts.
const (
	markerPrefix  = "FLYBALL_"
	markerOwner   = "FLYBALL_OWNER"   // state directory and name of the target
	markerReplica = "FLYBALL_REPLICA" // ID, never used twice
	markerConfig  = "FLYBALL_CONFIG"  // hash of what it runs
	markerPort    = "PORT"
)

// ownerOf is the mark of all replicas of one target.
func ownerOf(dir, name string) string { return filepath.Join(dir, name) }

// job is a configuration that was checked, with what follows from it.
type job struct {
	cfg     Config
	hash    string
	program string // absolute path
}

func newJob(cfg Config) (job, error) {
	if err := cfg.Validate(); err != nil {
		return job{}, err
	}
	program, err := cfg.program()
	if err != nil {
		return job{}, err
	}
	return job{cfg: cfg, hash: cfg.hash(), program: program}, nil
}

// start adds one replica. A failure is counted like that of a replica which
// ended at once.
func (e *engine) start() {
	now := e.clock.Now()
	if e.failures.RetryAt.After(now) {
		return // an earlier start of the same plan did not succeed
	}
	defer takeTurn(e.clock)()
	id := e.newID()
	port, err := e.ports.take(e.taken())
	var l *leader
	if err == nil {
		l, err = e.spawn(id, port)
	}
	e.changed = true
	if err != nil {
		message := fmt.Sprintf("%s cannot be started: %v", id, err)
		e.log.Warn("replica failed", slog.String("replica", id), slog.String("error", message))
		e.failures.Count(now, scale.CrashLoop, message, e.job.cfg.Backoff)
		return
	}
	e.replicas[id] = &replica{
		id: id, port: port, config: e.job.hash, leader: l,
		startedAt: now, seenAt: now, restarts: e.failures.Succeed(),
		exited: make(chan struct{}),
	}
	e.log.Info("replica started", slog.String("replica", id), slog.Int("pid", l.pid), slog.Int("port", port))
}

// newID makes a name that was never used: 40 random bits.
func (e *engine) newID() string { return e.name + "-" + strings.ToLower(rand.Text()[:8]) }

// taken says which ports belong to replicas, ours or of any other controller
// on this machine, even those that do not listen yet.
func (e *engine) taken() func(port int) bool {
	ours := map[int]bool{}
	for _, r := range e.replicas {
		ours[r.port] = true
	}
	for _, p := range scanMarked() {
		ours[p.port] = true
	}
	return func(port int) bool { return ours[port] }
}

func (e *engine) spawn(id string, port int) (*leader, error) {
	output, err := e.logs.open(id)
	if err != nil {
		return nil, err
	}
	defer output.Close()
	cfg := e.job.cfg
	args := slices.Clone(cfg.Command)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "{port}", strconv.Itoa(port))
	}
	cmd := &exec.Cmd{
		Path: e.job.program, Args: args, Dir: cfg.WorkingDirectory,
		Env:    e.environment(id, port),
		Stdout: output, Stderr: output,
		SysProcAttr: groupLeader(e.dieWithController),
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, os.Remove(e.logs.path(id)))
	}
	l, err := newLeader(cmd, e.dieWithController)
	if err != nil {
		return nil, errors.Join(err, cmd.Process.Kill(), cmd.Wait())
	}
	return l, nil
}

// environment is the controller's own without marks, the configured
// variables, and the marks of this replica.
func (e *engine) environment(id string, port int) []string {
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return strings.HasPrefix(entry, markerPrefix) || strings.HasPrefix(entry, markerPort+"=")
	})
	for _, key := range slices.Sorted(maps.Keys(e.job.cfg.Env)) {
		env = append(env, key+"="+e.job.cfg.Env[key])
	}
	return append(env,
		markerOwner+"="+e.owner,
		markerReplica+"="+id,
		markerConfig+"="+e.job.hash,
		markerPort+"="+strconv.Itoa(port),
	)
}
