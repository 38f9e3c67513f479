package queue

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/testenv"
)

// jetStreamServer is a real NATS server with JetStream, and a connection to it.
type jetStreamServer struct {
	t          *testing.T
	monitoring string
	conn       net.Conn
	in         *bufio.Reader
	process    *exec.Cmd
}

func startNATS(t *testing.T) *jetStreamServer {
	t.Helper()
	port, monitoring := freePort(t), freePort(t)
	cmd := exec.Command(testenv.Command(t, "nats-server"), "-a", "127.0.0.1", "-p", fmt.Sprint(port), "-m", fmt.Sprint(monitoring), "-js", "-sd", t.TempDir())
	testenv.EndWithTest(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	s := &jetStreamServer{t: t, monitoring: fmt.Sprintf("http://127.0.0.1:%d", monitoring), process: cmd}
	until(t, func() bool {
		answer, err := http.Get(s.monitoring + "/healthz")
		if err != nil {
			return false
		}
		answer.Body.Close()
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		s.conn, s.in = conn, bufio.NewReader(conn)
		return answer.StatusCode == http.StatusOK
	})
	t.Cleanup(func() { s.conn.Close() })
	s.say("CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB answers.> 1\r\n")
	return s
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (s *jetStreamServer) say(text string) {
	s.t.Helper()
	if _, err := s.conn.Write([]byte(text)); err != nil {
		s.t.Fatal(err)
	}
}

// ask publishes with a subject for the answer, and returns that: its text and
// where to answer it.
func (s *jetStreamServer) ask(subject, text string) (answer, reply string) {
	s.t.Helper()
	s.say(fmt.Sprintf("PUB %s answers.1 %d\r\n%s\r\n", subject, len(text), text))
	_ = s.conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	for {
		line, err := s.in.ReadString('\n')
		if err != nil {
			s.t.Fatal(err)
		}
		words := strings.Fields(line)
		if len(words) < 4 || words[0] != "MSG" {
			continue // INFO, PING
		}
		var size int
		_, _ = fmt.Sscan(words[len(words)-1], &size)
		body := make([]byte, size+2)
		if _, err := io.ReadFull(s.in, body); err != nil {
			s.t.Fatal(err)
		}
		if len(words) == 5 {
			reply = words[3]
		}
		return string(body[:size]), reply
	}
}

// api calls JetStream's and wants no error.
func (s *jetStreamServer) api(call string, body map[string]any) {
	s.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	if answer, _ := s.ask("$JS.API."+call, string(text)); strings.Contains(answer, `"error"`) {
		s.t.Fatalf("%s: %s", call, answer)
	}
}

func TestNATSJetStream(t *testing.T) {
	s := startNATS(t)
	r := readerOf(t, Server{NATS: &NATS{URLs: []string{s.monitoring}, Stream: "jobs", Consumer: "workers"}})
	if _, err := r.Read(t.Context()); err == nil || !strings.Contains(err.Error(), "has no stream jobs") {
		t.Errorf("without the stream: %v; want that it is not there", err)
	}
	s.api("STREAM.CREATE.jobs", map[string]any{"name": "jobs", "subjects": []string{"jobs.>"}, "retention": "workqueue", "storage": "memory", "num_replicas": 1})
	if _, err := r.Read(t.Context()); err == nil || !strings.Contains(err.Error(), "has no consumer workers") {
		t.Errorf("without the consumer: %v; want that it is not there", err)
	}
	s.api("CONSUMER.DURABLE.CREATE.jobs.workers", map[string]any{"stream_name": "jobs",
		"config": map[string]any{"durable_name": "workers", "ack_policy": "explicit", "ack_wait": int64(time.Hour), "deliver_policy": "all"}})
	expect(t, r, "nothing was published", map[string]float64{"queueDepth": 0, "inProgress": 0, "oldestAge": 0, "#completed": 0, "#arrived": 0})
	for i := range 3 {
		s.ask("jobs.mail", fmt.Sprint("task ", i))
	}
	expect(t, r, "three wait", map[string]float64{"queueDepth": 3, "inProgress": 0, "oldestAge": 0, "#completed": 0, "#arrived": 3})
	_, first := s.ask("$JS.API.CONSUMER.MSG.NEXT.jobs.workers", `{"batch":1}`)
	s.ask("$JS.API.CONSUMER.MSG.NEXT.jobs.workers", `{"batch":1}`)
	expect(t, r, "two were given out", map[string]float64{"queueDepth": 1, "inProgress": 2, "oldestAge": 0, "#completed": 0, "#arrived": 3})
	s.ask(first, "+ACK")
	expect(t, r, "one is done", map[string]float64{"queueDepth": 1, "inProgress": 1, "oldestAge": 0, "#completed": 1, "#arrived": 3})

	_ = s.process.Process.Kill()
	until(t, func() bool { _, err := r.Read(t.Context()); return err != nil })
}

// In a cluster only the leader of a consumer knows its numbers.
func TestTheLeaderOfAConsumerIsAsked(t *testing.T) {
	member := func(name string, waiting int) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/varz" {
				fmt.Fprintf(w, `{"server_name":%q}`, name)
				return
			}
			fmt.Fprintf(w, `{"now":"2026-11-24T00:00:00Z","account_details":[{"name":"$G","stream_detail":[{"name":"jobs","config":{"retention":"limits"},
				"state":{"messages":9,"first_ts":"2026-11-23T00:00:00Z","last_seq":9},"consumer_detail":[{"name":"workers","config":{"filter_subject":"jobs.mail"},
				"delivered":{"consumer_seq":4},"num_pending":%d,"num_ack_pending":1,"cluster":{"leader":"n2"}}]}]}]}`, waiting)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	n1, n2 := member("n1", 0), member("n2", 5)
	expect(t, readerOf(t, Server{NATS: &NATS{URLs: []string{n1, n2}, Stream: "jobs", Consumer: "workers"}}),
		"n2 leads; what was published beside the filter is not known, nor is the age where done messages stay",
		map[string]float64{"queueDepth": 5, "inProgress": 1, "#completed": 3})
	r := readerOf(t, Server{NATS: &NATS{URLs: []string{n1}, Stream: "jobs", Consumer: "workers"}})
	if got, err := r.Read(t.Context()); err == nil || !strings.Contains(err.Error(), "is led by n2") {
		t.Errorf("got %+v, %v; want no numbers of n1", got, err)
	}
}
