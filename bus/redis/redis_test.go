package redis_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	redigo "github.com/gomodule/redigo/redis"

	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/bus/bustest"
	"github.com/flyball-io/flyball/bus/redis"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/redistest"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

func options(t *testing.T, s *redistest.Server) redis.Options {
	t.Helper()
	server, err := redis.Parse(s.Address)
	if err != nil {
		t.Fatal(err)
	}
	server.Password, server.CAFile = s.Password, s.CAFile
	return redis.Options{Server: server, Namespace: "test", Instance: "here", Clock: clock.System, Log: slog.New(slog.DiscardHandler)}
}

func open(t *testing.T, o redis.Options) *redis.Bus {
	t.Helper()
	b, err := redis.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func TestBus(t *testing.T) {
	server := redistest.Start(t)
	namespaces := 0
	bustest.Run(t, func(t *testing.T) bus.Bus {
		o := options(t, server)
		namespaces++
		o.Namespace = fmt.Sprint("bus", namespaces)
		return open(t, o)
	})
}

func TestDurable(t *testing.T) {
	server := redistest.Start(t)
	bustest.RunDurable(t, func(t *testing.T) bus.Bus { return open(t, options(t, server)) })
}

func TestBusOverTLS(t *testing.T) {
	server := redistest.StartTLS(t)
	o := options(t, server)
	topic := bus.Topic[string]{Bus: open(t, o), Subject: "a.x"}
	heard := bustest.Subscribe(t, topic)
	bustest.Publish(t, topic, "hello")
	if got := bustest.Receive(t, heard); got != "hello" {
		t.Errorf("got %q, want hello", got)
	}
	t.Run("who signed the certificate is not known", func(t *testing.T) {
		stranger := o
		stranger.CAFile = ""
		isRefused(t, stranger, "unknown authority")
	})
	t.Run("the certificate is for another name", func(t *testing.T) {
		elsewhere := o
		elsewhere.Address = strings.Replace(o.Address, "127.0.0.1", "localhost", 1)
		isRefused(t, elsewhere, "localhost")
	})
}

func isRefused(t *testing.T, o redis.Options, why string) {
	t.Helper()
	b, err := redis.Open(t.Context(), o)
	if err == nil {
		b.Close()
		t.Fatal("opened, want an error")
	}
	if !strings.Contains(err.Error(), why) || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("got %q, want one that says %q and holds no password", err, why)
	}
}

func TestAWrongPasswordIsAnErrorAtOnce(t *testing.T) {
	o := options(t, redistest.Start(t))
	o.Password = "s3cret but wrong"
	isRefused(t, o, "WRONGPASS")
	o.Password = ""
	isRefused(t, o, "NOAUTH")
}

// A subscriber that comes later knows the newest message, of its subject alone.
func TestTheNewestComesFirst(t *testing.T) {
	server := redistest.Start(t)
	b := open(t, options(t, server))
	for i := range 10 {
		bustest.Publish(t, bus.Topic[int]{Bus: b, Subject: "drains.shop"}, i)
		bustest.Publish(t, bus.Topic[int]{Bus: b, Subject: "drains.cart"}, 100+i)
	}
	late := open(t, options(t, server))
	heard := bustest.Subscribe(t, bus.Topic[int]{Bus: late, Subject: "drains.shop"})
	bustest.Publish(t, bus.Topic[int]{Bus: b, Subject: "drains.shop"}, 10)
	if first, second := bustest.Receive(t, heard), bustest.Receive(t, heard); first != 9 || second != 10 {
		t.Errorf("got %d and %d, want 9, the newest before, and then 10", first, second)
	}
}

// A server that is killed keeps what was published; who subscribed, consumes or
// publishes goes on when it is back.
func TestAKilledServerLosesNothing(t *testing.T) {
	for name, forgets := range map[string]bool{"it comes back as it was": false, "it comes back empty": true} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t)
			b := open(t, options(t, server))
			topic := bus.Topic[int]{Bus: b, Subject: "decisions.shop"}
			heard := bustest.Subscribe(t, topic)
			handed, err := topic.Consume(t.Context(), "executor")
			if err != nil {
				t.Fatal(err)
			}
			bustest.Publish(t, topic, 1)
			bustest.Receive(t, heard)
			if err := bustest.Receive(t, handed)[0].Ack(t.Context()); err != nil {
				t.Fatal(err)
			}
			if since, why := b.Away(); why != nil {
				t.Errorf("away since %v (%v) while the server answers", since, why)
			}
			killed := time.Now()
			server.Kill()
			if err := topic.Publish(t.Context(), 2); err == nil {
				t.Error("published while there is no server")
			}
			if since, why := b.Away(); why == nil || since.Before(killed) || time.Since(since) > time.Minute {
				t.Errorf("away since %v (%v), want the time at which the server was killed, and why", since, why)
			}
			if forgets {
				server.Forget()
			}
			server.Run()
			eventually(t, "publishing works again", func() bool { return topic.Publish(t.Context(), 3) == nil })
			if since, why := b.Away(); why != nil {
				t.Errorf("away since %v (%v) although it is back", since, why)
			}
			if !forgets { // the newest may come once more
				if got := bustest.Receive(t, heard); got != 3 {
					t.Errorf("heard %d, want 3", got)
				}
				if got := bustest.Receive(t, handed); got[0].Message != 3 || len(got) != 1 {
					t.Errorf("handed %v, want 3", got[0].Message)
				}
				return
			}
			// Before the consumer was known anew nothing was kept for it.
			eventually(t, "the consumer is handed what comes now", func() bool {
				bustest.Publish(t, topic, 4)
				select {
				case <-handed:
					return true
				case <-time.After(50 * time.Millisecond):
					return false
				}
			})
			bustest.Receive(t, heard)
		})
	}
}

// What is pending when the server is killed is handed over again.
func TestPendingMessagesOutliveTheServer(t *testing.T) {
	server := redistest.Start(t)
	b := open(t, options(t, server))
	topic := bus.Topic[int]{Bus: b, Subject: "decisions.shop"}
	handed, err := topic.Consume(t.Context(), "executor")
	if err != nil {
		t.Fatal(err)
	}
	bustest.Publish(t, topic, 1)
	bustest.Receive(t, handed) // and not acknowledged
	server.Kill()
	server.Run()
	if again := bustest.Receive(t, handed); again[0].Message != 1 {
		t.Errorf("handed %v, want 1 again", again[0].Message)
	}
}

// Another consumer of the name takes over what one that is gone left lying.
func TestWhatIsLeftLyingIsTakenOver(t *testing.T) {
	server := redistest.Start(t)
	o := options(t, server)
	o.ClaimAfter = 300 * time.Millisecond
	topic := bus.Topic[int]{Bus: open(t, o), Subject: "decisions.shop"}
	gone, stop := context.WithCancel(t.Context())
	defer stop()
	handed, err := topic.Consume(gone, "executor")
	if err != nil {
		t.Fatal(err)
	}
	bustest.Publish(t, topic, 1)
	bustest.Receive(t, handed)
	stop()
	o.Instance = "elsewhere"
	topic.Bus = open(t, o)
	if handed, err = topic.Consume(t.Context(), "executor"); err != nil {
		t.Fatal(err)
	}
	if again := bustest.Receive(t, handed); again[0].Message != 1 {
		t.Errorf("handed %v, want 1", again[0].Message)
	}
}

// A network that is cut in silence is noticed, and when it is back who follows
// one subject gets the newest alone, who watches a kind everything.
func TestANetworkThatIsCut(t *testing.T) {
	server := redistest.Start(t)
	wire := newWire(t, strings.TrimPrefix(server.Address, "unix://"))
	o := options(t, server)
	o.Network, o.Address = "tcp", wire.Addr().String()
	far, near := open(t, o), open(t, options(t, server))
	one := bustest.Subscribe(t, bus.Topic[int]{Bus: far, Subject: "reports.shop"})
	all := bustest.Subscribe(t, bus.Topic[int]{Bus: far, Subject: "reports." + bus.Any})
	topic := bus.Topic[int]{Bus: near, Subject: "reports.shop"}
	bustest.Publish(t, topic, 0)
	bustest.Receive(t, one)
	bustest.Receive(t, all)
	wire.cut(true)
	for i := 1; i <= 1000; i++ {
		bustest.Publish(t, topic, i)
	}
	if err := (bus.Topic[int]{Bus: far, Subject: "reports.shop"}).Publish(t.Context(), 7); err == nil {
		t.Error("published over a network that is cut")
	}
	time.Sleep(4 * time.Second) // every connection has noticed
	wire.cut(false)
	for want := 1; want <= 1000; want++ {
		if got := bustest.Receive(t, all); got != want {
			t.Fatalf("who watches all: got %d, want %d", got, want)
		}
	}
	if got := bustest.Receive(t, one); got != 1000 {
		t.Errorf("who follows one subject: got %d, want 1000, the newest", got)
	}
}

// Messages are events as CloudEvents 1.0 has them.
func TestEventsAreCloudEvents(t *testing.T) {
	server := redistest.Start(t)
	b := open(t, options(t, server))
	bustest.Publish(t, bus.Topic[map[string]int]{Bus: b, Subject: "reports.shop"}, map[string]int{"n": 1})
	c, err := redigo.Dial("unix", strings.TrimPrefix(server.Address, "unix://"), redigo.DialPassword(server.Password))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	entries, err := redigo.Values(c.Do("XRANGE", "flyball:test:reports", "-", "+"))
	if err != nil || len(entries) != 1 {
		t.Fatalf("%d entries, %v; want one", len(entries), err)
	}
	fields, err := redigo.StringMap(entries[0].([]any)[1], nil)
	if err != nil {
		t.Fatal(err)
	}
	var event map[string]any
	if err := json.Unmarshal([]byte(fields["ce"]), &event); err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]any{"specversion": "1.0", "type": "io.flyball.reports.v1", "source": "/flyball/here", "subject": "shop",
		"datacontenttype": "application/json"} {
		if event[field] != want {
			t.Errorf("%s: got %v, want %v", field, event[field], want)
		}
	}
	if at, err := time.Parse(time.RFC3339, event["time"].(string)); err != nil || time.Since(at) > time.Hour {
		t.Errorf("time %v (%v), want now", event["time"], err)
	}
}

// Streams stay bounded however much is published.
func TestStreamsAreBounded(t *testing.T) {
	server := redistest.Start(t)
	b := open(t, options(t, server))
	topic := bus.Topic[int]{Bus: b, Subject: "decisions.shop"}
	if _, err := topic.Consume(t.Context(), "executor"); err != nil {
		t.Fatal(err)
	}
	for i := range 5000 {
		bustest.Publish(t, topic, i)
	}
	c, err := redigo.Dial("unix", strings.TrimPrefix(server.Address, "unix://"), redigo.DialPassword(server.Password))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for key, most := range map[string]int{"flyball:test:decisions": 2200, "flyball:test:queue:decisions.shop": 300} {
		if n, err := redigo.Int(c.Do("XLEN", key)); err != nil || n > most || n == 0 {
			t.Errorf("%s holds %d entries (%v), want at most %d", key, n, err, most)
		}
	}
}

// What is said each second is worth nothing a day later, when nobody is left who
// says it: nodes and targets come and go. What was decided or set by hand stays.
func TestTheNewestOfWhatIsSaidAlwaysIsForgotten(t *testing.T) {
	server := redistest.Start(t)
	b := open(t, options(t, server))
	c, err := redigo.Dial("unix", strings.TrimPrefix(server.Address, "unix://"), redigo.DialPassword(server.Password))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for kind, goes := range map[string]bool{"reports": true, "nodes": true, "containers": true, "drains": true, "drained": true,
		"decisions": false, "applied": false, "memory": false, "hands": false, "events": false} {
		bustest.Publish(t, bus.Topic[int]{Bus: b, Subject: kind + ".shop"}, 1)
		bustest.Publish(t, bus.Topic[int]{Bus: b, Subject: kind + ".shop"}, 2)
		seconds, err := redigo.Int(c.Do("TTL", "flyball:test:newest:"+kind+".shop"))
		if err != nil {
			t.Fatal(err)
		}
		if day := seconds > 86000 && seconds <= 86400; day != goes || !goes && seconds != -1 {
			t.Errorf("%s: forgotten after %d s, want after a day: %v", kind, seconds, goes)
		}
	}
}

// wire passes bytes on to a socket, until it is cut: then it keeps silent.
type wire struct {
	net.Listener
	mu    sync.Mutex // guards what follows
	dead  bool
	conns []net.Conn
}

func newWire(t *testing.T, socket string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{Listener: l}
	var running sync.WaitGroup
	t.Cleanup(func() { l.Close(); w.cut(false); running.Wait() })
	running.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("unix", socket)
			if err != nil {
				near.Close()
				continue
			}
			w.mu.Lock()
			w.conns = append(w.conns, near, far)
			w.mu.Unlock()
			running.Go(func() { w.pass(near, far) })
			running.Go(func() { w.pass(far, near) })
		}
	})
	return w
}

func (w *wire) pass(from, to net.Conn) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			to.Close()
			return
		}
		w.mu.Lock()
		dead := w.dead
		w.mu.Unlock()
		if !dead {
			_, _ = to.Write(buffer[:n])
		}
	}
}

// cut silences the wire, or lets it pass again: connections of before are gone.
func (w *wire) cut(dead bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dead = dead
	if !dead {
		for _, c := range w.conns {
			_ = c.Close()
		}
		w.conns = nil
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}
