package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Modes of the HTTP binding of CloudEvents
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md).
const (
	structured = "structured"
	binary     = "binary"
)

// SummaryType is the type of a CloudEvent that sums up what was held back.
const SummaryType = "io.flyball.summary.v1"

// TypeOf is the type of the CloudEvent of an event: ScaledUp is
// io.flyball.scaled-up.v1.
func TypeOf(event string) string {
	var b strings.Builder
	for i, r := range event {
		if i > 0 && unicode.IsUpper(r) {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return "io.flyball." + b.String() + ".v1"
}

// Data is the data of a CloudEvent.
type Data struct {
	ID        string    `json:"id"` // of the event: inside a summary too
	Type      string    `json:"type"`
	Group     Group     `json:"group"`
	Severity  Severity  `json:"severity"`
	Resolved  bool      `json:"resolved"` // it is the end of what had that severity
	Target    string    `json:"target,omitempty"`
	At        time.Time `json:"at"`
	By        string    `json:"by,omitempty"`
	Condition string    `json:"condition,omitempty"`
	Message   string    `json:"message"`
	From      *int      `json:"from,omitempty"` // replicas before and after a change
	To        *int      `json:"to,omitempty"`
	Reason    string    `json:"reason,omitempty"` // of the decision
}

func dataOf(n *News) Data {
	d := Data{ID: n.ID, Type: n.Type, Group: n.Group, Severity: n.Severity, Resolved: n.Resolved, Target: n.Target,
		At: n.At.UTC(), By: n.By, Condition: n.Condition(), Message: n.Message, Reason: n.Reason}
	if n.Group == Scaling {
		d.From, d.To = &n.From, &n.To
	}
	return d
}

// Summary is the data of a CloudEvent that stands for several.
type Summary struct {
	Changes int            `json:"changes"` // that it stands for
	Lost    int            `json:"lost"`    // of these, of which nothing more is known
	Targets []string       `json:"targets"`
	Types   map[string]int `json:"types"`
	From    time.Time      `json:"from"`
	To      time.Time      `json:"to"`
	// Events are those that matter most, at most 50, the oldest first.
	Events []Data `json:"events"`
}

const mostListed = 50

func sumUp(news []News, lost int) Summary {
	s := Summary{Changes: len(news) + lost, Lost: lost, Types: map[string]int{}, From: news[0].At.UTC(), To: news[0].At.UTC()}
	targets := map[string]bool{}
	for i := range news {
		n := &news[i]
		if n.Target != "" { // or the controller itself
			targets[n.Target] = true
		}
		s.Types[n.Type]++
		if n.At.Before(s.From) {
			s.From = n.At.UTC()
		}
		if n.At.After(s.To) {
			s.To = n.At.UTC()
		}
	}
	s.Targets = slices.AppendSeq([]string{}, maps.Keys(targets))
	slices.Sort(s.Targets)
	shown, _ := foremost(news, mostListed)
	for i := range shown {
		s.Events = append(s.Events, dataOf(&shown[i]))
	}
	return s
}

// envelope writes CloudEvents.
type envelope struct{ source, mode string }

// single implements [writer].
func (envelope) single() bool { return true }

// attributes are those of a CloudEvent, with the extension severity.
type attributes struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Subject         string          `json:"subject,omitempty"`
	Time            time.Time       `json:"time"`
	DataContentType string          `json:"datacontenttype"`
	Severity        Severity        `json:"severity"`
	Data            json.RawMessage `json:"data,omitempty"`
}

// write implements [writer].
func (e envelope) write(news []News, lost int) (*message, error) {
	first := &news[0]
	a := attributes{SpecVersion: "1.0", ID: first.ID, Source: e.source, Type: TypeOf(first.Type), Subject: first.Target, Time: first.At.UTC(),
		DataContentType: "application/json", Severity: first.Severity}
	var data any = dataOf(first)
	summed := len(news)+lost > 1
	if summed {
		s := sumUp(news, lost)
		a.ID, a.Type, a.Subject, a.Time, a.Severity, data = together(news), SummaryType, "", s.To, worst(news), s
	}
	body, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("write event: %w", err)
	}
	m := &message{id: a.ID, news: news, summed: summed}
	if e.mode == binary {
		m.body, m.header = body, a.headers()
		return m, nil
	}
	a.Data = body
	m.header = map[string]string{"Content-Type": "application/cloudevents+json; charset=utf-8"}
	m.body, err = json.Marshal(a)
	return m, err
}

// headers are the attributes in binary mode.
func (a *attributes) headers() map[string]string {
	h := map[string]string{
		"Content-Type": a.DataContentType, "ce-specversion": a.SpecVersion, "ce-id": a.ID, "ce-source": inHeader(a.Source), "ce-type": inHeader(a.Type),
		"ce-time": a.Time.Format(time.RFC3339Nano), "ce-severity": string(a.Severity),
	}
	if a.Subject != "" {
		h["ce-subject"] = inHeader(a.Subject)
	}
	return h
}

// inHeader percent-encodes the bytes that the HTTP binding names in 3.1.3.2:
// space, double quote, percent, and all but printable ASCII.
func inHeader(value string) string {
	var b strings.Builder
	for _, c := range []byte(value) {
		if c <= ' ' || c == '"' || c == '%' || c > '~' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// together is the ID of what stands for several: the same for the same ones.
func together(news []News) string {
	sum := sha256.New()
	for i := range news {
		sum.Write([]byte(news[i].ID))
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

func worst(news []News) Severity {
	worst := Info
	for i := range news {
		if news[i].Severity.rank() > worst.rank() {
			worst = news[i].Severity
		}
	}
	return worst
}

// foremost chooses at most so many news, those that matter most and of these the
// newest, in the order of time; and returns the rest.
func foremost(news []News, most int) (shown, rest []News) {
	if len(news) <= most {
		return news, nil
	}
	order := make([]int, len(news))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		if by := news[b].Severity.rank() - news[a].Severity.rank(); by != 0 {
			return by
		}
		return b - a
	})
	chosen := order[:most]
	slices.Sort(chosen)
	for i := range news {
		if _, is := slices.BinarySearch(chosen, i); is {
			shown = append(shown, news[i])
		} else {
			rest = append(rest, news[i])
		}
	}
	return shown, rest
}
