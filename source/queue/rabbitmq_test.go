package queue

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/internal/webclient"
)

// rabbitPatience is how long RabbitMQ may take to start: ten seconds of one core.
const rabbitPatience = 3 * time.Minute

// rabbit is a real RabbitMQ with its management API, and a channel to it.
type rabbit struct {
	api     string
	channel *amqp.Channel
	process *exec.Cmd
}

func startRabbit(t *testing.T) *rabbit {
	t.Helper()
	testenv.Command(t, "rabbitmq-server") // which wants to be root or rabbitmq; the one below does not
	folder, err := os.MkdirTemp("", "fly-rabbit")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	in := func(name, content string) string {
		path := filepath.Join(folder, name)
		if content != "" {
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return path
	}
	port, api, epmd := freePort(t), freePort(t), freePort(t)
	config := fmt.Sprintf("listeners.tcp.1 = 127.0.0.1:%d\nmanagement.tcp.ip = 127.0.0.1\nmanagement.tcp.port = %d\ncollect_statistics_interval = 500\n", port, api)
	env := append(os.Environ(), "HOME="+folder, "RABBITMQ_CONF_ENV_FILE=/dev/null", "RABBITMQ_NODENAME=fly@localhost", "RABBITMQ_LOGS=-",
		"RUNNING_UNDER_SYSTEMD=true", // the script becomes the node, so that who kills it kills that
		"RABBITMQ_MNESIA_BASE="+in("data", ""), "RABBITMQ_LOG_BASE="+folder, "RABBITMQ_PID_FILE="+in("pid", ""), "RABBITMQ_FEATURE_FLAGS_FILE="+in("flags", ""),
		"RABBITMQ_ENABLED_PLUGINS_FILE="+in("plugins", "[rabbitmq_management].\n"), "RABBITMQ_CONFIG_FILE="+in("rabbitmq.conf", config),
		fmt.Sprint("RABBITMQ_DIST_PORT=", freePort(t)), fmt.Sprint("ERL_EPMD_PORT=", epmd), "ERL_EPMD_ADDRESS=127.0.0.1")
	start := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(name, args...)
		cmd.Env, cmd.Dir = env, folder // a node that crashes leaves a dump where it runs
		testenv.EndWithTest(cmd)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		return cmd
	}
	start(testenv.Command(t, "epmd")) // else the node starts one that outlives it
	until(t, func() bool {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", epmd))
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	r := &rabbit{api: fmt.Sprintf("http://127.0.0.1:%d", api), process: start("/usr/lib/rabbitmq/bin/rabbitmq-server")}
	var conn *amqp.Connection
	for end := time.Now().Add(rabbitPatience); ; time.Sleep(200 * time.Millisecond) {
		if conn, err = amqp.Dial(fmt.Sprintf("amqp://guest:guest@127.0.0.1:%d/", port)); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("RabbitMQ does not answer: %v", err)
		}
	}
	t.Cleanup(func() { conn.Close() })
	if r.channel, err = conn.Channel(); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rabbit) queue(name string) *RabbitMQ {
	return &RabbitMQ{URL: r.api, Queue: name, Auth: webclient.Auth{Basic: &webclient.Basic{Username: "guest", Password: "guest"}}}
}

func (r *rabbit) publish(t *testing.T, queue string, age time.Duration) {
	t.Helper()
	if err := r.channel.PublishWithContext(t.Context(), "", queue, false, false, amqp.Publishing{Body: []byte("task"), Timestamp: time.Now().Add(-age)}); err != nil {
		t.Fatal(err)
	}
}

// The broker counts twice a second here, so each state is waited for.
func TestRabbitMQ(t *testing.T) {
	testenv.Long(t)
	b := startRabbit(t)
	r := readerOf(t, Server{RabbitMQ: b.queue("agents/mail")})
	until(t, func() bool {
		_, err := r.Read(t.Context()) // the API answers a little later than the broker
		return err != nil && strings.Contains(err.Error(), "answered 404")
	})
	if _, err := b.channel.QueueDeclare("agents/mail", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	settles := func(why string, want map[string]float64) {
		t.Helper()
		var got map[string]float64
		var fault error
		for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			told, err := r.Read(t.Context())
			if fault = err; err == nil {
				got = map[string]float64{}
				for name, v := range told.Parts[0].Values {
					got[name] = v
				}
				for c, n := range told.Parts[0].Counts {
					got["#"+c.Name] = n
				}
				same := len(got) == len(want)
				for name, v := range want {
					same = same && (got[name] == v || (name == "oldestAge" && v > 0 && got[name] >= v && got[name] < v+60))
				}
				if same {
					return
				}
			}
			if time.Now().After(end) {
				t.Fatalf("%s: got %v, %v; want %v", why, got, fault, want)
			}
		}
	}
	for _, age := range []time.Duration{100 * time.Second, 0, 0} {
		b.publish(t, "agents/mail", age)
	}
	settles("three wait", map[string]float64{"queueDepth": 3, "inProgress": 0, "oldestAge": 100, "#completed": 0, "#arrived": 3})
	first, _, err := b.channel.Get("agents/mail", false)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, _, err := b.channel.Get("agents/mail", false); err != nil {
			t.Fatal(err)
		}
	}
	settles("all are being worked on", map[string]float64{"queueDepth": 0, "inProgress": 3, "oldestAge": 0, "#completed": 0, "#arrived": 3})
	if err := first.Ack(false); err != nil {
		t.Fatal(err)
	}
	settles("one is done", map[string]float64{"queueDepth": 0, "inProgress": 2, "oldestAge": 0, "#completed": 1, "#arrived": 3})

	stranger := b.queue("agents/mail")
	stranger.Basic.Password = "guess me"
	if _, err := readerOf(t, Server{RabbitMQ: stranger}).Read(t.Context()); err == nil || !strings.Contains(err.Error(), "401") || strings.Contains(err.Error(), "guess me") {
		t.Errorf("a wrong password: %v; want 401 without it", err)
	}
	_ = b.process.Process.Kill()
	until(t, func() bool { _, err := r.Read(t.Context()); return err != nil })
}

// What the broker has not counted, or of which it lost the node, is no number.
func TestRabbitMQThatDoesNotKnow(t *testing.T) {
	for says, answer := range map[string]string{
		"its messages are not counted yet": `{"name":"mail","state":"running","consumer_details":[]}`,
		"is down":                          `{"name":"mail","state":"down","messages_ready":3}`,
		"not the JSON":                     `<html>`,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, answer) }))
		t.Cleanup(server.Close)
		if got, err := readerOf(t, Server{RabbitMQ: &RabbitMQ{URL: server.URL, Queue: "mail"}}).Read(t.Context()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %+v, %v; want it to say %q", got, err, says)
		}
	}
}
