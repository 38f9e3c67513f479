//go:build unix

package remote

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/internal/testenv"
)

// BenchmarkAgainstNginx sends the same load (wrk over kept connections)
// through Flyball and through nginx to the same three backends, by turns, and
// reports the median of each: requests a second, the 99th percentile in ms and
// the processor time of the proxy per request in µs. Each proxy has one worker
// or one thread; nginx keeps connections to the backends, chooses least_conn,
// writes no access log and sets the same headers. The processor time says most
// on a machine that does other things as well.
func BenchmarkAgainstNginx(b *testing.B) {
	wrk, nginx := testenv.Command(b, "wrk"), testenv.Command(b, "nginx")
	backends := []string{freePort(b), freePort(b), freePort(b)}
	startProcess(b, append([]string{os.Args[0], "backends"}, backends...)...)
	contestants := []contestant{direct(backends[0]), startFlyball(b, backends), startNginx(b, nginx, backends)}
	for _, connections := range []int{1, 32, 256} {
		b.Run(fmt.Sprintf("connections=%d", connections), func(b *testing.B) {
			results := map[string][]result{}
			for b.Loop() {
				for range 3 {
					for _, c := range contestants {
						results[c.name] = append(results[c.name], c.measure(b, wrk, connections))
					}
				}
			}
			report(b, results)
		})
	}
}

func report(b *testing.B, results map[string][]result) {
	middle := map[string]result{}
	for name, all := range results {
		slices.SortFunc(all, func(x, y result) int { return int(x.rate - y.rate) })
		m := all[len(all)/2]
		middle[name] = m
		b.ReportMetric(m.rate, name+"-req/s")
		b.ReportMetric(m.p99, name+"-p99-ms")
		if m.cpu > 0 {
			b.ReportMetric(m.cpu, name+"-cpu-µs/req")
		}
	}
	b.ReportMetric(middle["flyball"].rate/middle["nginx"].rate, "flyball/nginx")
	b.ReportMetric(0, "ns/op") // says nothing here
}

// contestant is something that answers at an address.
type contestant struct {
	name, address string
	pid           int // of the process that does the work; 0 is not measured
}

func direct(address string) contestant { return contestant{name: "direct", address: address} }

type result struct{ rate, p99, cpu float64 }

// measure loads the contestant for two seconds.
func (c contestant) measure(b *testing.B, wrk string, connections int) result {
	before := c.cpuSeconds(b)
	out, err := exec.Command(wrk, "-t1", "-d2s", "-c", strconv.Itoa(connections), "--latency", "http://"+c.address+"/").CombinedOutput()
	if err != nil {
		b.Fatalf("wrk: %v\n%s", err, out)
	}
	if strings.Contains(string(out), "Non-2xx") || strings.Contains(string(out), "Socket errors") {
		b.Errorf("%s did not answer every request:\n%s", c.name, out)
	}
	requests := number(b, out, `(\d+) requests in`)
	return result{
		rate: number(b, out, `Requests/sec:\s+([\d.]+)`),
		p99:  milliseconds(b, out),
		cpu:  (c.cpuSeconds(b) - before) / requests * 1e6,
	}
}

// cpuSeconds is the processor time the contestant has used.
func (c contestant) cpuSeconds(b *testing.B) float64 {
	if c.pid == 0 {
		return 0
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest) // from the third on, the state
	const ticksPerSecond = 100
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / ticksPerSecond
}

func number(b *testing.B, out []byte, pattern string) float64 {
	m := regexp.MustCompile(pattern).FindSubmatch(out)
	if m == nil {
		b.Fatalf("wrk wrote no %q:\n%s", pattern, out)
	}
	v, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return v
}

func milliseconds(b *testing.B, out []byte) float64 {
	m := regexp.MustCompile(`99%\s+([\d.]+(?:us|ms|s))`).FindSubmatch(out)
	if m == nil {
		b.Fatalf("wrk wrote no percentile:\n%s", out)
	}
	d, err := time.ParseDuration(string(m[1]))
	if err != nil {
		b.Fatal(err)
	}
	return float64(d) / float64(time.Millisecond)
}

func startFlyball(b *testing.B, backends []string) contestant {
	b.Setenv("GOMAXPROCS", "1")
	r := newRig(b)
	address := strings.TrimPrefix(r.start("bench"), "http://")
	var list []balancer.Backend
	for i, a := range backends {
		list = append(list, balancer.Backend{ID: fmt.Sprint(i), Address: a})
	}
	r.must(r.SetBackends(b.Context(), list))
	return contestant{name: "flyball", address: address, pid: r.info().PID}
}

func startNginx(b *testing.B, nginx string, backends []string) contestant {
	dir, address := b.TempDir(), freePort(b)
	servers := ""
	for _, a := range backends {
		servers += "server " + a + ";"
	}
	config := fmt.Sprintf(`
		worker_processes 1; daemon off; pid %[1]s/pid; error_log %[1]s/error.log;
		events { worker_connections 4096; }
		http {
			access_log off; keepalive_requests 1000000000;
			client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
			upstream backends { least_conn; %[2]s keepalive 512; keepalive_requests 1000000000; }
			server {
				listen %[3]s;
				location / {
					proxy_pass http://backends; proxy_http_version 1.1; proxy_set_header Connection "";
					proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr;
					proxy_set_header X-Forwarded-Host $http_host; proxy_set_header X-Forwarded-Proto $scheme;
				}
			}
		}`, dir, servers, address)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		b.Fatal(err)
	}
	master := startProcess(b, nginx, "-c", file, "-e", filepath.Join(dir, "error.log"))
	return contestant{name: "nginx", address: address, pid: childOf(b, master)}
}

// startProcess starts a process that is killed at the end.
func startProcess(b *testing.B, command ...string) int {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stderr = os.Stderr
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt) // nginx ends its worker
		cmd.Wait()
	})
	return cmd.Process.Pid
}

// childOf waits for the first child of a process.
func childOf(b *testing.B, pid int) int {
	file := fmt.Sprintf("/proc/%d/task/%d/children", pid, pid)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		text, _ := os.ReadFile(file)
		if child, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			return child
		}
	}
	b.Fatalf("process %d has no child", pid)
	return 0
}
