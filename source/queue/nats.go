package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/flyball-io/flyball/source/reading"
)

// jetStream is what GET /jsz of a NATS server answers, as far as it is of use.
type jetStream struct {
	Now      time.Time `json:"now"`
	Accounts []struct {
		Name    string       `json:"name"`
		Streams []natsStream `json:"stream_detail"`
	} `json:"account_details"`
}

type natsStream struct {
	Name   string `json:"name"`
	Config struct {
		Retention string `json:"retention"`
	} `json:"config"`
	State struct {
		Messages float64   `json:"messages"`
		LastSeq  float64   `json:"last_seq"`
		FirstAt  time.Time `json:"first_ts"`
	} `json:"state"`
	Consumers []natsConsumer `json:"consumer_detail"`
}

type natsConsumer struct {
	Name   string `json:"name"`
	Config struct {
		Filter  string   `json:"filter_subject"`
		Filters []string `json:"filter_subjects"`
	} `json:"config"`
	Delivered struct {
		Sequence float64 `json:"consumer_seq"`
	} `json:"delivered"`
	Waiting *float64 `json:"num_pending"`
	Working *float64 `json:"num_ack_pending"`
	Cluster *struct {
		Leader string `json:"leader"`
	} `json:"cluster"`
}

func (n *NATS) faults() []error {
	var errs []error
	if len(n.URLs) == 0 {
		errs = append(errs, errors.New("urls: must name the monitoring of a server"))
	}
	for i, u := range n.URLs {
		if err := reading.CheckURL(u); err != nil {
			errs = append(errs, fmt.Errorf("urls[%d]: %w", i, err))
		}
	}
	if n.Stream == "" || n.Consumer == "" {
		errs = append(errs, errors.New("stream: a stream and a consumer must be named"))
	}
	if err := n.Validate(); err != nil {
		errs = append(errs, err)
	}
	return errs
}

func (n *NATS) reader(s Server, o options) (reading.Reader, error) {
	return newWebReader(n.name(), n.Auth, s, o, n.look), nil
}

// look asks one server after the other for the consumer. Only the one that leads
// it knows its numbers.
func (n *NATS) look(ctx context.Context, w *reading.Web, p reading.Part) error {
	var faults []error
	for _, base := range n.URLs {
		err := n.lookAt(ctx, w, strings.TrimSuffix(base, "/"), p)
		if err == nil {
			return nil
		}
		faults = append(faults, fmt.Errorf("nats: %w", err))
	}
	return errors.Join(faults...)
}

func (n *NATS) lookAt(ctx context.Context, w *reading.Web, base string, p reading.Part) error {
	var told jetStream
	account := cmp.Or(n.Account, "$G")
	if _, err := w.JSON(ctx, base+"/jsz?streams=true&consumers=true&config=true&acc="+url.QueryEscape(account), &told); err != nil {
		return err
	}
	s, c, err := n.find(told, account)
	if err != nil {
		return fmt.Errorf("%s: %w", base, err)
	}
	if c.Cluster != nil && c.Cluster.Leader != "" {
		var server struct {
			Name string `json:"server_name"`
		}
		if _, err := w.JSON(ctx, base+"/varz", &server); err != nil {
			return err
		}
		if server.Name != c.Cluster.Leader {
			return fmt.Errorf("%s: consumer %s is led by %s: only that one knows its numbers", base, n.Consumer, c.Cluster.Leader)
		}
	}
	return c.tell(p, s, told.Now)
}

// find looks for the consumer in an answer.
func (n *NATS) find(told jetStream, account string) (s natsStream, c natsConsumer, err error) {
	for _, a := range told.Accounts {
		if a.Name != account {
			continue
		}
		i := slices.IndexFunc(a.Streams, func(s natsStream) bool { return s.Name == n.Stream })
		if i < 0 {
			continue
		}
		s = a.Streams[i]
		if j := slices.IndexFunc(s.Consumers, func(c natsConsumer) bool { return c.Name == n.Consumer }); j >= 0 {
			return s, s.Consumers[j], nil
		}
		return s, c, fmt.Errorf("stream %s has no consumer %s", n.Stream, n.Consumer)
	}
	return s, c, fmt.Errorf("account %s has no stream %s", account, n.Stream)
}

// tell fills the part.
func (c natsConsumer) tell(p reading.Part, s natsStream, now time.Time) error {
	if c.Waiting == nil || c.Working == nil {
		return fmt.Errorf("consumer %s: without num_pending and num_ack_pending", c.Name)
	}
	p.Values[reading.QueueDepth] = *c.Waiting
	p.Values[reading.InProgress] = *c.Working
	// A message that is delivered twice is counted twice.
	p.Counts[reading.Count{Name: reading.Completed}] = max(0, c.Delivered.Sequence-*c.Working)
	whole := c.Config.Filter == "" && len(c.Config.Filters) == 0 // not of some subjects alone
	if whole {
		p.Counts[reading.Count{Name: reading.Arrived}] = s.State.LastSeq
	}
	switch {
	case *c.Waiting+*c.Working == 0:
		p.Values[reading.OldestAge] = 0
	case s.Config.Retention == "workqueue" && (whole || len(s.Consumers) == 1) && !s.State.FirstAt.IsZero():
		// What was done is removed, so the first message is the oldest that is not.
		p.Values[reading.OldestAge] = max(0, now.Sub(s.State.FirstAt).Seconds())
	}
	return nil
}
