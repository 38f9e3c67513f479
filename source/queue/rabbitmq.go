package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/flyball-io/flyball/source/reading"
)

// rabbitQueue is what GET /api/queues/VHOST/NAME of RabbitMQ's management API
// answers, as far as it is of use. What the broker has not counted yet is not
// there: it counts every five seconds (collect_statistics_interval).
type rabbitQueue struct {
	State   string   `json:"state"`
	Ready   *float64 `json:"messages_ready"`
	Unacked *float64 `json:"messages_unacknowledged"`
	// HeadTime is the property timestamp of the oldest message that waits, in
	// seconds; not there where who published it set none.
	HeadTime *float64     `json:"head_message_timestamp"`
	Stats    *rabbitStats `json:"message_stats"`
}

// rabbitStats count since the queue is there or the broker began.
type rabbitStats struct {
	Publish      float64 `json:"publish"`
	Ack          float64 `json:"ack"`
	DeliverNoAck float64 `json:"deliver_no_ack"` // to consumers that acknowledge nothing
	GetNoAck     float64 `json:"get_no_ack"`
}

func (q *RabbitMQ) faults() []error {
	var errs []error
	if err := reading.CheckURL(q.URL); err != nil {
		errs = append(errs, fmt.Errorf("url: %w", err))
	}
	if q.Queue == "" {
		errs = append(errs, errors.New("queue: must name a queue"))
	}
	if err := q.Validate(); err != nil {
		errs = append(errs, err)
	}
	return errs
}

func (q *RabbitMQ) reader(s Server, o options) (reading.Reader, error) {
	return newWebReader(q.name(), q.Auth, s, o, q.look), nil
}

// look asks for the queue. One that is not there is a fault: queues outlast
// their messages.
func (q *RabbitMQ) look(ctx context.Context, w *reading.Web, p reading.Part) error {
	var told rabbitQueue
	host := cmp.Or(q.VirtualHost, "/")
	now, err := w.JSON(ctx, strings.TrimSuffix(q.URL, "/")+"/api/queues/"+url.PathEscape(host)+"/"+url.PathEscape(q.Queue), &told)
	if err != nil {
		return fmt.Errorf("rabbitmq: %w", err)
	}
	if told.State == "down" {
		return fmt.Errorf("rabbitmq: queue %s is down: the node that has it is away", q.Queue)
	}
	if told.Ready == nil {
		return fmt.Errorf("rabbitmq: queue %s: its messages are not counted yet", q.Queue)
	}
	p.Values[reading.QueueDepth] = *told.Ready
	if told.Unacked != nil {
		p.Values[reading.InProgress] = *told.Unacked
	}
	switch {
	case *told.Ready == 0:
		p.Values[reading.OldestAge] = 0
	case told.HeadTime != nil:
		p.Values[reading.OldestAge] = max(0, now.Sub(time.Unix(int64(*told.HeadTime), 0)).Seconds())
	}
	if told.Stats != nil {
		p.Counts[reading.Count{Name: reading.Arrived}] = told.Stats.Publish
		p.Counts[reading.Count{Name: reading.Completed}] = told.Stats.Ack + told.Stats.DeliverNoAck + told.Stats.GetNoAck
	}
	return nil
}
