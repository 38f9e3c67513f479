package queue

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/flyball-io/flyball/source/reading"
)

// countAtMost is how many entries are counted one by one where Redis does not
// know how far a group lags: before version 7, or after entries were deleted.
// There may be more, which does not matter to who has a thousand to catch up with.
const countAtMost = 1000

// lookAtStream reads how far a group of consumers is. A stream or a group that is
// not there is a fault: both outlast their entries.
func (r *Redis) lookAtStream(ctx context.Context, c redis.Conn, p reading.Part) error {
	answers, err := atOnce(ctx, c, [][]any{{"TIME"}, {"XINFO", "STREAM", r.Stream}, {"XINFO", "GROUPS", r.Stream}, {"XPENDING", r.Stream, r.Group}})
	if err != nil {
		return err
	}
	now, err := serverTime(answers[0])
	if err != nil {
		return err
	}
	group, err := groupNamed(r.Group, answers[2])
	if err != nil {
		return err
	}
	pending, err := redis.Int64(group["pending"], nil)
	if err != nil {
		return fmt.Errorf("pending of group %s: %w", r.Group, err)
	}
	p.Values[reading.InProgress] = float64(pending)
	last, err := redis.String(group["last-delivered-id"], nil)
	if err != nil {
		return fmt.Errorf("last-delivered-id of group %s: %w", r.Group, err)
	}
	depth, err := r.lag(ctx, c, group["lag"], last)
	if err != nil {
		return err
	}
	p.Values[reading.QueueDepth] = float64(depth)
	if read, err := redis.Int64(group["entries-read"], nil); err == nil {
		p.Counts[reading.Count{Name: reading.Completed}] = max(0, float64(read-pending))
	}
	if stream, err := fieldsOf(answers[1]); err == nil {
		if added, err := redis.Int64(stream["entries-added"], nil); err == nil {
			p.Counts[reading.Count{Name: reading.Arrived}] = float64(added)
		}
	}
	return r.ageOfEntry(ctx, c, p, answers[3], last, now)
}

// lag is how many entries the group was not given yet.
func (r *Redis) lag(ctx context.Context, c redis.Conn, told any, last string) (int64, error) {
	if lag, err := redis.Int64(told, nil); err == nil {
		return lag, nil
	}
	entries, err := redis.Values(redis.DoContext(c, ctx, "XRANGE", r.Stream, "("+last, "+", "COUNT", countAtMost))
	return int64(len(entries)), err
}

// ageOfEntry is that of the oldest entry which is pending, else waits. The IDs
// of entries are times of the server's clock, unless who adds them says others.
func (r *Redis) ageOfEntry(ctx context.Context, c redis.Conn, p reading.Part, pending any, last string, now time.Time) error {
	summary, err := redis.Values(pending, nil)
	if err != nil {
		return fmt.Errorf("XPENDING: %w", err)
	}
	id := ""
	if len(summary) > 1 {
		id, _ = redis.String(summary[1], nil) // nil where nothing is pending
	}
	if id == "" && p.Values[reading.QueueDepth] > 0 {
		entries, err := redis.Values(redis.DoContext(c, ctx, "XRANGE", r.Stream, "("+last, "+", "COUNT", 1))
		if err != nil {
			return err
		}
		if len(entries) > 0 {
			entry, _ := redis.Values(entries[0], nil)
			if len(entry) > 0 {
				id, _ = redis.String(entry[0], nil)
			}
		}
	}
	if id == "" {
		p.Values[reading.OldestAge] = 0
		return nil
	}
	millis, _, _ := strings.Cut(id, "-")
	if at, err := strconv.ParseInt(millis, 10, 64); err == nil && at >= fromMillis && at < 1e15 {
		p.Values[reading.OldestAge] = max(0, now.Sub(time.UnixMilli(at)).Seconds())
	}
	return nil
}

// groupNamed finds a group in the answer of XINFO GROUPS.
func groupNamed(name string, answer any) (map[string]any, error) {
	groups, err := redis.Values(answer, nil)
	if err != nil {
		return nil, fmt.Errorf("XINFO GROUPS: %w", err)
	}
	for _, g := range groups {
		fields, err := fieldsOf(g)
		if err != nil {
			return nil, fmt.Errorf("XINFO GROUPS: %w", err)
		}
		if found, _ := redis.String(fields["name"], nil); found == name {
			return fields, nil
		}
	}
	return nil, fmt.Errorf("there is no group %q", name)
}

// fieldsOf reads a list of names each followed by its value.
func fieldsOf(answer any) (map[string]any, error) {
	list, err := redis.Values(answer, nil)
	if err != nil || len(list)%2 != 0 {
		return nil, errors.New("no list of names and values")
	}
	fields := map[string]any{}
	for i := 0; i < len(list); i += 2 {
		name, err := redis.String(list[i], nil)
		if err != nil {
			return nil, err
		}
		fields[name] = list[i+1]
	}
	return fields, nil
}
