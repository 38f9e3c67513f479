package queue

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/redistest"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/source/reading"
	"github.com/flyball-io/flyball/source/sourcetest"
)

// broker is a real Redis, and a connection to it.
type broker struct {
	*redistest.Server
	t    *testing.T
	conn redis.Conn
}

func startBroker(t *testing.T) *broker {
	t.Helper()
	s := redistest.Start(t)
	conn, err := redis.Dial("unix", strings.TrimPrefix(s.Address, "unix://"), redis.DialPassword(s.Password))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &broker{s, t, conn}
}

func (b *broker) do(command string, args ...any) any {
	b.t.Helper()
	answer, err := b.conn.Do(command, args...)
	if err != nil {
		b.t.Fatalf("%s %v: %v", command, args, err)
	}
	return answer
}

func (b *broker) login() Login {
	return Login{Address: b.Address, Password: scale.Secret(b.Password)}
}

// readerOf is one of a queue; what is stated must be valid.
func readerOf(t *testing.T, s Server) reading.Reader {
	t.Helper()
	s.Timeout = DefaultServer().Timeout
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(s, clock.System)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// told is what a queue tells by name: values, and counts with a # before.
func told(t *testing.T, r reading.Reader) map[string]float64 {
	t.Helper()
	got, err := r.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := maps.Clone(got.Parts[0].Values)
	for c, n := range got.Parts[0].Counts {
		all["#"+c.Name] = n
	}
	return all
}

// expect wants exactly these; ages may be 3 s more, as the machine is busy.
func expect(t *testing.T, r reading.Reader, why string, want map[string]float64) {
	t.Helper()
	got := told(t, r)
	if age, there := got[reading.OldestAge]; there && age >= want[reading.OldestAge]-0.01 && age < want[reading.OldestAge]+3 {
		got[reading.OldestAge] = want[reading.OldestAge]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: -want +got:\n%s", why, diff)
	}
}

func TestRedisList(t *testing.T) {
	b := startBroker(t)
	bare := readerOf(t, Server{Redis: &Redis{Login: b.login(), List: "jobs"}})
	full := readerOf(t, Server{Redis: &Redis{Login: b.login(), List: "jobs", Processing: []string{"busy:1", "busy:2"}, Completed: "done", TimeField: "meta.time"}})
	expect(t, bare, "Redis has no empty lists", map[string]float64{"queueDepth": 0})
	expect(t, full, "nothing was queued yet", map[string]float64{"queueDepth": 0, "inProgress": 0, "oldestAge": 0, "#completed": 0})

	now := time.Now()
	for _, age := range []time.Duration{60 * time.Second, 20 * time.Second, 10 * time.Second, 0} {
		b.do("LPUSH", "jobs", fmt.Sprintf(`{"id":1,"meta":{"time":%.3f}}`, float64(now.Add(-age).UnixMilli())/1000))
	}
	expect(t, bare, "who says nothing more learns the depth", map[string]float64{"queueDepth": 4})
	expect(t, full, "four wait", map[string]float64{"queueDepth": 4, "inProgress": 0, "oldestAge": 60, "#completed": 0})
	b.do("LMOVE", "jobs", "busy:2", "RIGHT", "LEFT")
	b.do("RPOP", "jobs")
	b.do("INCR", "done")
	expect(t, full, "one is done, one in progress, two wait", map[string]float64{"queueDepth": 2, "inProgress": 1, "oldestAge": 10, "#completed": 1})
	left := readerOf(t, Server{Redis: &Redis{Login: b.login(), List: "jobs", Oldest: Left, TimeField: "meta.time"}})
	expect(t, left, "the other end holds the newest", map[string]float64{"queueDepth": 2, "oldestAge": 0})

	b.do("RPUSH", "jobs", "no JSON")
	expect(t, full, "an age that nobody tells is absent", map[string]float64{"queueDepth": 3, "inProgress": 1, "#completed": 1})
}

func TestRedisStream(t *testing.T) {
	b := startBroker(t)
	r := readerOf(t, Server{Redis: &Redis{Login: b.login(), Stream: "jobs", Group: "workers"}})
	if _, err := r.Read(t.Context()); err == nil {
		t.Error("a stream that is not there is read as empty")
	}
	old := time.Now().Add(-time.Minute).UnixMilli()
	b.do("XADD", "jobs", fmt.Sprintf("%d-0", old), "n", 1)
	if _, err := r.Read(t.Context()); err == nil || !strings.Contains(err.Error(), "NOGROUP") {
		t.Errorf("without the group: %v, want that it is not there", err)
	}
	b.do("XGROUP", "CREATE", "jobs", "workers", "0")
	b.do("XADD", "jobs", "*", "n", 2)
	b.do("XADD", "jobs", "*", "n", 3)
	expect(t, r, "three wait, nobody has read", map[string]float64{"queueDepth": 3, "inProgress": 0, "oldestAge": 60, "#arrived": 3})
	b.do("XREADGROUP", "GROUP", "workers", "me", "COUNT", 2, "STREAMS", "jobs", ">")
	expect(t, r, "two were given out", map[string]float64{"queueDepth": 1, "inProgress": 2, "oldestAge": 60, "#completed": 0, "#arrived": 3})
	b.do("XACK", "jobs", "workers", fmt.Sprintf("%d-0", old))
	expect(t, r, "one is done", map[string]float64{"queueDepth": 1, "inProgress": 1, "oldestAge": 0, "#completed": 1, "#arrived": 3})
	b.do("XADD", "jobs", "*", "n", 4)
	newest := b.do("XREVRANGE", "jobs", "+", "-", "COUNT", 1).([]any)[0].([]any)[0]
	b.do("XADD", "jobs", "*", "n", 5)
	b.do("XDEL", "jobs", newest)
	got := told(t, r)
	if got["queueDepth"] != 2 {
		t.Errorf("after an entry was deleted Redis does not know the lag: counted %v, want 2", got["queueDepth"])
	}
}

func TestCelery(t *testing.T) {
	b := startBroker(t)
	r := readerOf(t, Server{Celery: &Celery{Login: b.login()}})
	expect(t, r, "no task", map[string]float64{"queueDepth": 0, "inProgress": 0, "oldestAge": 0})
	message := func(age time.Duration) string {
		text, err := json.Marshal(map[string]any{"body": "W1tdLCB7fSwge31d", "content-type": "application/json", "content-encoding": "utf-8",
			"headers":    map[string]any{"lang": "py", "task": "mail.send", "id": "4e1", "timestamp": time.Now().Add(-age).Format(time.RFC3339Nano)},
			"properties": map[string]any{"delivery_tag": "t", "priority": 0, "delivery_info": map[string]any{"exchange": "", "routing_key": "celery"}}})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	b.do("LPUSH", "celery", message(30*time.Second))
	b.do("LPUSH", "celery", message(0))
	b.do("LPUSH", "celery\x06\x163", message(90*time.Second))
	b.do("LPUSH", "celery\x06\x169", message(0))
	b.do("HSET", "unacked", "tag", "[]")
	b.do("LPUSH", "other", message(0))
	expect(t, r, "three priorities, one taken", map[string]float64{"queueDepth": 4, "inProgress": 1, "oldestAge": 90})
	b.do("RPUSH", "celery", `{"body":"","headers":{"id":"1"},"properties":{}}`)
	expect(t, r, "a sender that tells no time: no age", map[string]float64{"queueDepth": 5, "inProgress": 1})
}

// A Redis that is away, or says no, is a fault, and works again afterwards.
func TestRedisThatFails(t *testing.T) {
	b := startBroker(t)
	b.do("LPUSH", "jobs", 1)
	r := readerOf(t, Server{Redis: &Redis{Login: b.login(), List: "jobs"}})
	expect(t, r, "one waits", map[string]float64{"queueDepth": 1})
	b.Kill()
	for range 2 {
		if got, err := r.Read(t.Context()); err == nil || len(got.Parts) != 0 {
			t.Errorf("Redis is away: %+v, %v; want an error alone", got, err)
		}
	}
	b.Run()
	expect(t, r, "it is back", map[string]float64{"queueDepth": 1})

	wrong := readerOf(t, Server{Redis: &Redis{Login: Login{Address: b.Address, Password: "guess me"}, List: "jobs"}})
	if _, err := wrong.Read(t.Context()); err == nil || strings.Contains(err.Error(), "guess me") {
		t.Errorf("a wrong password: %v; want an error without it", err)
	}
	kind := startBroker(t)
	kind.do("SET", "jobs", "text")
	if _, err := readerOf(t, Server{Redis: &Redis{Login: kind.login(), List: "jobs"}}).Read(t.Context()); err == nil || !strings.Contains(err.Error(), "WRONGTYPE") {
		t.Errorf("a key that is no list: %v; want WRONGTYPE", err)
	}
}

func TestRedisWithTLS(t *testing.T) {
	s := redistest.StartTLS(t)
	with := Login{Address: s.Address, Password: scale.Secret(s.Password), CAFile: s.CAFile}
	expect(t, readerOf(t, Server{Redis: &Redis{Login: with, List: "jobs"}}), "encrypted", map[string]float64{"queueDepth": 0})
	with.CAFile = ""
	if _, err := readerOf(t, Server{Redis: &Redis{Login: with, List: "jobs"}}).Read(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate that nobody signed: %v", err)
	}
}

// Every rule of what a document may say, with the words that tell it.
func TestWhatADocumentMayNotSay(t *testing.T) {
	ok := Login{Address: "redis://localhost:6379/0"}
	for says, change := range map[string]func(*Config){
		"exactly one of redis, celery, rabbitmq and nats must be given, got 0": func(c *Config) { c.Redis = nil },
		"exactly one of redis, celery, rabbitmq and nats must be given, got 2": func(c *Config) { c.Celery = &Celery{Login: ok} },
		"redis.address: must be redis://":                                      func(c *Config) { c.Redis.Address = "localhost:6379" },
		"redis.address: the database must be a number":                         func(c *Config) { c.Redis.Address += "x" },
		"redis.caFile: is for a server with TLS":                               func(c *Config) { c.Redis.CAFile = "ca.pem" },
		"redis.password: at most one of":                                       func(c *Config) { c.Redis.Password, c.Redis.PasswordFile = "a", "b" },
		"redis.list: exactly one of list and stream":                           func(c *Config) { c.Redis.Stream = "s" },
		"redis.group: ": func(c *Config) { c.Redis.List, c.Redis.Stream = "", "s" },
		"celery.priorities[1]: must be 0 to 9, got 12":        func(c *Config) { c.Redis, c.Celery = nil, &Celery{Login: ok, Priorities: []int{3, 12}} },
		"timeout: must be above 0 and at most 30s, got 1m":    func(c *Config) { c.Timeout = scale.Duration(time.Minute) },
		"window: must be 1s to 1h":                            func(c *Config) { c.Window = 0 },
		"measure: must be one of arrivalRate, completionRate": func(c *Config) { c.Measure = "depth" },
		"also[1]: queueDepth is there already":                func(c *Config) { c.Also = []string{reading.QueueDepth, reading.QueueDepth} },
		`the name "jobs" does not say what is measured`:       func(*Config) {},
	} {
		cfg := Default()
		cfg.Redis = &Redis{Login: ok, List: "jobs"}
		change(&cfg)
		if _, err := New("jobs", cfg, source.Env{Clock: clock.System}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want it to say %q", err, says)
		}
	}
}

func TestConformance(t *testing.T) {
	var b *broker
	sourcetest.Run(t, sourcetest.Harness{
		New: func(t *testing.T) source.Source {
			b = startBroker(t)
			b.do("LPUSH", "jobs", 1)
			cfg := Default()
			cfg.Redis = &Redis{Login: b.login(), List: "jobs"}
			s, err := New(reading.QueueDepth, cfg, source.Env{Clock: clock.System})
			if err != nil {
				t.Fatal(err)
			}
			if !s.Independent() {
				t.Error("a queue is there while there are no replicas")
			}
			go func() { _ = s.Run(t.Context()) }()
			until(t, func() bool { samples, _ := s.Collect(t.Context()); return len(samples) == 1 })
			return s
		},
		Now: time.Now, Signals: []string{reading.QueueDepth},
		Break: func(t *testing.T, s source.Source) {
			b.Kill()
			until(t, func() bool { _, err := s.Collect(t.Context()); return err != nil })
		},
	})
}

func until(t *testing.T, is func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not within 30 s")
		}
	}
}

func TestTimesInTasks(t *testing.T) {
	for task, want := range map[string]float64{
		`{"a":{"b":1700000000.5}}`:             1700000000.5,
		`{"a":{"b":1700000000500}}`:            1700000000.5,
		`{"a":{"b":"2023-11-14T22:13:20.5Z"}}`: 1700000000.5,
		`{"a":{"b":"yesterday"}}`:              math.NaN(),
		`{"a":{"b":-1}}`:                       math.NaN(),
		`{"a":1}`:                              math.NaN(),
		`[]`:                                   math.NaN(),
		``:                                     math.NaN(),
	} {
		at, ok := timeIn([]byte(task), "a.b")
		if got := float64(at.UnixMilli()) / 1000; ok == math.IsNaN(want) || (ok && got != want) {
			t.Errorf("%s: got %v (%v), want %v", task, got, ok, want)
		}
	}
}

// The library would make room for whatever a server announces, and a panic in its
// goroutine would end the process.
func TestALengthThatNoAnswerHasIsAFault(t *testing.T) {
	for _, announced := range []string{"$9000000000000000000\r\n", "$50000000000\r\n", "*9000000000000000000\r\n", "*50000000\r\n", strings.Repeat("*1\r\n", 10_000)} {
		address := says(t, announced)
		for _, s := range []Server{
			{Redis: &Redis{Login: Login{Address: address}, List: "jobs"}},
			{Redis: &Redis{Login: Login{Address: address}, Stream: "jobs", Group: "workers"}},
			{Celery: &Celery{Login: Login{Address: address, Password: "secret"}}},
		} {
			if got, err := readerOf(t, s).Read(t.Context()); err == nil || !strings.Contains(err.Error(), "an answer announces") {
				t.Errorf("%.30q: read as %+v, %v", announced, got, err)
			}
		}
	}
}

// says starts a server that gives one answer to everything.
func says(t *testing.T, answer string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.WriteString(c, answer)
				_, _ = io.Copy(io.Discard, c) // until the other side has closed
			}()
		}
	}()
	return "redis://" + l.Addr().String()
}

// A task may be large: it is fetched only to read its time.
func TestATaskIsFetchedForItsTimeAlone(t *testing.T) {
	b := startBroker(t)
	b.do("LPUSH", "jobs", `{"time":1}`)
	fetched := func() bool {
		return strings.Contains(string(b.do("INFO", "commandstats").([]byte)), "cmdstat_lindex:")
	}
	told(t, readerOf(t, Server{Redis: &Redis{Login: b.login(), List: "jobs", Completed: "done", Processing: []string{"busy"}}}))
	if fetched() {
		t.Error("the oldest task was fetched, and nobody asked for its age")
	}
	told(t, readerOf(t, Server{Redis: &Redis{Login: b.login(), List: "jobs", TimeField: "time"}}))
	if !fetched() {
		t.Error("the oldest task was not fetched for its age")
	}
}
