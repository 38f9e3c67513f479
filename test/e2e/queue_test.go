package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/flyball-io/flyball/internal/redistest"
	"github.com/flyball-io/flyball/internal/testenv"
)

// queueOfTasks is the queue of examples/queue in a real Redis.
type queueOfTasks struct {
	t    *testing.T
	conn redis.Conn
}

func newQueueOfTasks(t *testing.T, s *redistest.Server) *queueOfTasks {
	t.Helper()
	conn, err := redis.Dial("unix", strings.TrimPrefix(s.Address, "unix://"), redis.DialPassword(s.Password))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &queueOfTasks{t, conn}
}

func (q *queueOfTasks) number(command string, args ...any) int {
	q.t.Helper()
	n, err := redis.Int(q.conn.Do(command, args...))
	if err != nil && !errors.Is(err, redis.ErrNil) {
		q.t.Fatal(err)
	}
	return n
}

// push queues tasks that take so many seconds, each of another name.
func (q *queueOfTasks) push(n int, seconds float64) {
	q.t.Helper()
	for i := range n {
		q.number("LPUSH", "jobs", fmt.Sprintf("%v task %d of %d", seconds, i, n))
	}
}

// untilDone waits until so many tasks were done in all, and wants none to be
// anywhere else.
func (q *queueOfTasks) untilDone(n int) {
	q.t.Helper()
	state := func() string {
		return fmt.Sprintf("%d wait, %d busy, %d done", q.number("LLEN", "jobs"), q.number("LLEN", "jobs:busy"), q.number("GET", "jobs:done"))
	}
	want := fmt.Sprintf("0 wait, 0 busy, %d done", n)
	eventually(q.t, 3*patience, want, func() bool { return state() == want }, state)
}

// The document and the worker of examples/queue: no workers while the queue is
// empty, as many as it takes when tasks come, none again afterwards. Every task
// is done once, also those of workers that are told to end while they work.
func TestAQueueGoesToZeroAndBack(t *testing.T) {
	p := newPlace(t)
	testenv.Command(t, "python3")
	server := redistest.Start(t)
	q := newQueueOfTasks(t, server)
	document, err := os.ReadFile("../../examples/queue/autoscaler.yaml")
	if err != nil {
		t.Fatal(err)
	}
	worker, err := filepath.Abs("../../examples/queue/worker.py")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(p.dir, "workers.yaml")
	text := strings.Replace(string(document), "          list: jobs\n", "          list: jobs\n          password: ${REDIS_PASSWORD}\n", 1)
	if err := os.WriteFile(file, []byte(strings.Replace(text, "sync: 2s", "sync: 1s", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	environment := []string{"REDIS=" + server.Address, "REDIS_ADDRESS=" + strings.TrimPrefix(server.Address, "unix://"), "REDIS_PASSWORD=" + server.Password,
		"WORKER=" + worker, "QUIET_SECONDS=0"}
	valid := p.startIn(environment, "validate", "-f", file)
	if valid.wait(patience); valid.status != 0 {
		t.Fatalf("validate: %s%s", valid.stdout, valid.stderr)
	}
	c := p.controlIn(environment, "-f", file)
	workers := func() int { view, _ := c.target("workers"); return len(view.Replicas) }
	untilNone := func() {
		t.Helper()
		eventually(t, patience, "no worker is left", func() bool { return workers() == 0 }, func() string { return fmt.Sprint(workers()) })
	}
	c.decidesOn("workers")
	if n := workers(); n != 0 {
		t.Errorf("%d workers of an empty queue, want none", n)
	}

	// Once the short ones are done there are too many workers, and some of those
	// that go are still at a long one.
	q.push(38, 0.3)
	q.push(2, 8)
	eventually(t, patience, "several workers for 40 tasks", func() bool { return workers() >= 4 }, func() string { return fmt.Sprint(workers()) })
	q.untilDone(40)
	untilNone()

	t.Log("one task wakes one worker")
	q.push(1, 0.3)
	q.untilDone(41)
	untilNone()

	t.Log("while Redis is away nobody knows of tasks, and nothing is done about them")
	server.Kill()
	<-time.After(5 * time.Second)
	if n := workers(); n != 0 {
		t.Errorf("%d workers while Redis is away, want none", n)
	}
	server.Run()
	q = newQueueOfTasks(t, server)
	q.push(10, 0.3)
	q.untilDone(51)
	untilNone()
	c.signal(syscall.SIGTERM)
	c.wait(patience)
}
