package queue

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/flyball-io/flyball/source/reading"
)

// Keys as kombu's transport for Redis has them.
const (
	prioritySeparator = "\x06\x16"
	unackedKey        = "unacked" // hash of what workers took and did not acknowledge, of all queues
)

// timesOfTasks are where a message of Celery may tell when it was sent. By itself
// it does not: who sends tasks adds a header, for example in before_task_publish.
var timesOfTasks = []string{"headers.timestamp", "headers.enqueued_at", "properties.timestamp"}

func (c *Celery) faults() []error {
	errs := c.Login.faults()
	for i, p := range c.Priorities {
		if p < 0 || p > 9 {
			errs = append(errs, fmt.Errorf("priorities[%d]: must be 0 to 9, got %d", i, p))
		}
	}
	return errs
}

func (c *Celery) reader(s Server, o options) (reading.Reader, error) {
	return c.Login.reader(c.name(), s, o, c.look), nil
}

// lists are the keys of the queue, one for each step of priority: that of 0
// bears the name alone.
func (c *Celery) lists() []string {
	steps := c.Priorities
	if len(steps) == 0 {
		steps = []int{0, 3, 6, 9}
	}
	keys := []string{c.name()}
	for _, step := range steps {
		if step != 0 {
			keys = append(keys, c.name()+prioritySeparator+strconv.Itoa(step))
		}
	}
	return keys
}

// look reads the lists and what was taken and not acknowledged. Tasks are pushed
// at the left and taken from the right, so the oldest of a list is its last.
func (c *Celery) look(ctx context.Context, conn redis.Conn, p reading.Part) error {
	lists := c.lists()
	commands := [][]any{{"TIME"}, {"HLEN", unackedKey}}
	for _, key := range lists {
		commands = append(commands, []any{"LLEN", key}, []any{"LINDEX", key, -1})
	}
	answers, err := atOnce(ctx, conn, commands)
	if err != nil {
		return err
	}
	working, err := redis.Int64(answers[1], nil)
	if err != nil {
		return err
	}
	p.Values[reading.InProgress] = float64(working)
	now, err := serverTime(answers[0])
	if err != nil {
		return err
	}
	depth, oldest, told := 0.0, 0.0, true
	for i := range lists {
		n, err := redis.Int64(answers[2+2*i], nil)
		if err != nil {
			return err
		}
		depth += float64(n)
		task, err := redis.Bytes(answers[3+2*i], nil)
		if errors.Is(err, redis.ErrNil) {
			continue
		}
		age, ok := ageOfTask(task, now)
		oldest, told = max(oldest, age), told && ok
	}
	p.Values[reading.QueueDepth] = depth
	if told {
		p.Values[reading.OldestAge] = oldest
	}
	return nil
}

// ageOfTask is how many seconds ago a message was sent, where it tells.
func ageOfTask(task []byte, now time.Time) (float64, bool) {
	for _, path := range timesOfTasks {
		if at, ok := timeIn(task, path); ok {
			return max(0, now.Sub(at).Seconds()), true
		}
	}
	return 0, false
}
