package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/load"
)

// runLoad runs flyball load and returns what it prints and its error.
func runLoad(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := newRootCommand()
	cmd.SetArgs(append([]string{"load"}, args...))
	out := &bytes.Buffer{}
	cmd.SetOut(out)
	cmd.SetErr(io.Discard)
	err := cmd.Execute()
	return out.String(), err
}

// requestLog is a server that keeps what it was sent.
type requestLog struct {
	mu       sync.Mutex // guards requests
	requests []string
}

func (l *requestLog) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests = append(l.requests, r.Method+" "+r.URL.Path+" "+r.Header.Get("X-Test")+" "+string(body))
}

func (l *requestLog) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.requests...)
}

// Pods take turns by connection: with one that is kept the first of them would get
// everything that a slow rate sends.
func TestRequestsToPodsHaveAConnectionEach(t *testing.T) {
	for deployment, want := range map[string]func(n int) bool{"web": func(n int) bool { return n == 10 }, "": func(n int) bool { return n < 10 }} {
		var mu sync.Mutex // guards from
		from := map[string]bool{}
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			from[r.RemoteAddr] = true
		}))
		f := &loadFlags{}
		cmd := &cobra.Command{}
		f.add(cmd)
		if err := cmd.ParseFlags([]string{"--url", server.URL, "--deployment", deployment, "--rps", "20", "--duration", "500ms"}); err != nil {
			t.Fatal(err)
		}
		options, _, err := f.options()
		if err != nil {
			t.Fatal(err)
		}
		result, err := load.Run(t.Context(), options)
		server.Close()
		if err != nil || result.Requests != 10 || !want(len(from)) {
			t.Errorf("to pods of %q: %d connections for %d requests, %v", deployment, len(from), result.Requests, err)
		}
	}
}

func TestLoadSendsWhatItsFlagsSay(t *testing.T) {
	log := &requestLog{}
	server := httptest.NewServer(log)
	defer server.Close()
	body := writeFile(t, "body.txt", "ping")

	out, err := runLoad(t, "--url", server.URL+"/x", "--rps", "50", "--duration", "200ms", "--arrivals", "uniform",
		"--header", "X-Test: yes", "--body", "@"+body, "--json")
	if err != nil {
		t.Fatal(err)
	}
	sent := log.all()
	if len(sent) != 10 || sent[0] != "POST /x yes ping" {
		t.Errorf("got %d requests %q, want 10 of %q", len(sent), sent, "POST /x yes ping")
	}
	var result load.Result
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		t.Fatalf("--json printed %q: %v", out, err)
	}
	if result.Requests != 10 || result.Latency.P99 <= 0 {
		t.Errorf("result: got %d requests, p99 %v, want 10 and above 0", result.Requests, result.Latency.P99)
	}
}

func TestLoadPrintsATable(t *testing.T) {
	server := httptest.NewServer(&requestLog{})
	defer server.Close()
	out, err := runLoad(t, "--url", server.URL, "--duration", "100ms", "--threshold", "1s")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"requests ", "intended", "took longer than 1000 ms", "errors       none", "p99.9", "first byte"} {
		if !strings.Contains(out, want) {
			t.Errorf("the table lacks %q:\n%s", want, out)
		}
	}
}

// A wrong flag is told in one line that names it, as a usage error, and
// nothing is sent.
func TestLoadRefusesBadInput(t *testing.T) {
	log := &requestLog{}
	server := httptest.NewServer(log)
	defer server.Close()
	url := "--url=" + server.URL
	trace := writeFile(t, "trace.csv", "t_seconds,requests_per_second\n0,1\n60,2\n")
	silent := writeFile(t, "silent.csv", "t_seconds,requests_per_second\n0,0\n60,0\n")
	broken := writeFile(t, "broken.csv", "t_seconds,requests_per_second\n0,1\n60,-2\n")
	usage := writeFile(t, "cpu.csv", "t_seconds,cpu_percent\n0,40\n60,60\n")
	requests := writeFile(t, "requests.csv", "t_seconds,input_tokens,output_tokens\n0,1,1\n1,1,1\n")

	tests := []struct {
		args []string
		want string // must be in the error
	}{
		{[]string{}, "--url: must be given"},
		{[]string{"--url=nonsense"}, `url "nonsense": must be http://`},
		{[]string{"--url=ftp://host/"}, `url "ftp://host/": must be http://`},
		{[]string{"--url=http://:80/"}, `must be http://`},
		{[]string{url, "--rps=0"}, "--rps: must be above 0 and at most 1000000"},
		{[]string{url, "--rps=-3"}, "--rps: must be above 0"},
		{[]string{url, "--rps=NaN"}, "--rps: must be above 0"},
		{[]string{url, "--rps=many"}, `--rps: must be a number, got "many"`},
		{[]string{url, "--duration=5"}, `--duration: "5" is not a duration`},
		{[]string{url, "--duration=-5s"}, "--duration: must be 0 or more"},
		{[]string{url, "--ramp-start=5"}, "--ramp-end: must be given"},
		{[]string{url, "--ramp-end=5"}, "--ramp-duration: must be given"},
		{[]string{url, "--ramp-end=-5", "--ramp-duration=1s"}, "--ramp-end: must be 0 to"},
		{[]string{url, "--ramp-end=5", "--ramp-duration=0s"}, "--ramp-duration: must be above 0"},
		{[]string{url, "--ramp-end=5", "--ramp-duration=1s", "--hold=1s", "--duration=1s"}, "--hold and --duration"},
		{[]string{url, "--ramp-end=5", "--ramp-duration=1s", "--rps=5"}, "exclude each other"},
		{[]string{url, "--shape=zigzag"}, `"zigzag" is not known: must be one of constant, ramp`},
		{[]string{url, "--shape="}, "--shape: must not be empty"},
		{[]string{url, "--shape=ramp", "--trace=" + trace}, "--shape and --trace exclude each other"},
		{[]string{url, "--shape=ramp", "--window=0h:1h"}, "--window: needs --trace"},
		{[]string{url, "--shape=ramp", "--interpolate"}, "--interpolate: needs --trace"},
		{[]string{url, "--speed=2"}, "--speed: needs --trace or --shape"},
		{[]string{url, "--shape=ramp", "--speed=0"}, "--speed: must be above 0"},
		{[]string{url, "--shape=ramp", "--peak-rps=-1"}, "--peak-rps: must be above 0"},
		{[]string{url, "--shape=ramp", "--peak-rps=1", "--p99-rps=1"}, "--peak-rps and --p99-rps exclude"},
		{[]string{url, "--trace=" + silent, "--peak-rps=10"}, "--peak-rps: "},
		{[]string{url, "--trace=/nowhere.csv"}, "/nowhere.csv: no such file"},
		{[]string{url, "--trace=" + t.TempDir()}, "is a directory"},
		{[]string{url, "--trace=" + broken}, "broken.csv line 3: requests_per_second: -2 is negative"},
		{[]string{url, "--trace=" + usage}, "cpu.csv holds cpu_percent, which is a load only when it is scaled: needs --peak-rps or --p99-rps"},
		{[]string{url, "--trace=" + requests, "--interpolate"}, "--interpolate: "},
		{[]string{url, "--trace=" + requests, "--window=1h:2h"}, "--window: "},
		{[]string{url, "--trace=" + trace, "--window=1h:2h"}, "--window: "},
		{[]string{url, "--trace=" + trace, "--window=5"}, `--window: window "5": must be FROM:TO`},
		{[]string{url, "--arrivals=sometimes"}, `"sometimes" are not known: must be one of poisson, uniform`},
		{[]string{url, "--method=GE T"}, `method "GE T"`},
		{[]string{url, "--header=Accept"}, `--header: "Accept" must be NAME:VALUE`},
		{[]string{url, "--header=A B: c"}, `must be NAME:VALUE`},
		{[]string{url, "--body=@/nowhere.json"}, "--body: open /nowhere.json"},
		{[]string{url, "--timeout=0s"}, "--timeout: must be above 0"},
		{[]string{url, "--threshold=-1s"}, "--threshold: must be 0 (none) or more"},
		{[]string{url, "--max-in-flight=0"}, "--max-in-flight: must be above 0"},
		{[]string{url, "--seed=-1"}, `--seed: must be a whole number of 0 or more, got "-1"`},
		{[]string{url, "--nonsense"}, "unknown flag: --nonsense"},
		{[]string{url, "stray"}, `takes flags only, got "stray"`},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.args[min(1, len(tt.args)):], " "), func(t *testing.T) {
			_, err := runLoad(t, tt.args...)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got error %v, want one with %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("got more than one line: %q", err)
			}
			if usage := (cli.UsageError{}); !errors.As(err, &usage) {
				t.Errorf("got %T, want a usage error", err)
			}
		})
	}
	if sent := log.all(); len(sent) > 0 {
		t.Errorf("%d requests were sent all the same", len(sent))
	}
}

// An address that nobody answers at is no usage error: the flags are right.
func TestLoadTellsOfAnUnreachableURL(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + listener.Addr().String()
	listener.Close()
	_, err = runLoad(t, "--url", url)
	if err == nil || !strings.Contains(err.Error(), "reach "+url) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got error %v, want one that says %s refused", err, url)
	}
	if usage := (cli.UsageError{}); errors.As(err, &usage) {
		t.Errorf("got a usage error, want an ordinary one")
	}
}

func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
