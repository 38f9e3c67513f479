// Command load measures the load generator against wrk and vegeta, each
// against the same trivial server in a process of its own, and prints a table
// for docs/benchmarks.md. Tools that are not on the PATH are left out.
//
//	go run ./bench/load [-seconds 4] [-repeat 3] [rate…]
package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flyball-io/flyball/load"
	"github.com/flyball-io/flyball/workload"
)

func main() {
	serving := flag.Bool("serve", false, "be the trivial server")
	seconds := flag.Int("seconds", 4, "length of each run")
	repeat := flag.Int("repeat", 3, "runs of each, of which the median is shown")
	flag.Parse()
	run := func() error { return compare(flag.Args(), time.Duration(*seconds)*time.Second, *repeat) }
	if *serving {
		run = serve
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench/load:", err)
		os.Exit(1)
	}
}

// serve answers "ok" to everything and prints where.
func serve() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "ok")
	}))
}

// startServer starts this program as the server and returns its URL.
func startServer() (url string, stop func(), err error) {
	cmd := exec.Command(os.Args[0], "-serve")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	}
	var address string
	if _, err := fmt.Fscanln(out, &address); err != nil {
		stop()
		return "", nil, fmt.Errorf("start the server: %w", err)
	}
	return "http://" + address + "/", stop, nil
}

// figures are what one run found.
type figures struct {
	achieved                 float64 // requests/s
	p50, p99, lagP50, lagP99 float64 // seconds
	failed                   int64
}

func compare(rates []string, length time.Duration, repeat int) error {
	if len(rates) == 0 {
		rates = []string{"100", "1000", "3000", "6000", "10000"}
	}
	url, stop, err := startServer()
	if err != nil {
		return err
	}
	defer stop()
	fmt.Printf("%s, %d processors, load average %s\n\n", runtime.Version(), runtime.GOMAXPROCS(0), loadAverage())
	fmt.Println("| tool | rate | achieved | p50 ms | p99 ms | own lag p50, p99 ms | failed |")
	fmt.Println("|---|---|---|---|---|---|---|")
	for _, text := range rates {
		rate, err := strconv.ParseFloat(text, 64)
		if err != nil || rate <= 0 {
			return fmt.Errorf("rate %q: must be a number above 0", text)
		}
		var ours, vegetas []figures
		for range repeat {
			found, err := ourRun(url, rate, length)
			if err != nil {
				return err
			}
			ours = append(ours, found)
			if found, ok := vegeta(url, rate, length); ok {
				vegetas = append(vegetas, found)
			}
		}
		show("flyball load", text, ours)
		show("vegeta", text, vegetas)
	}
	wrk(url, length)
	fmt.Printf("\nload average at the end %s\n", loadAverage())
	return nil
}

func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Fields(string(text))[0]
}

func ourRun(url string, rate float64, length time.Duration) (figures, error) {
	result, err := load.Run(context.Background(), load.Options{
		URL:      url,
		Shape:    workload.Constant{RPS: rate, For: length},
		Arrivals: workload.Uniform,
	})
	return figures{
		achieved: result.AchievedRate,
		p50:      result.Latency.P50, p99: result.Latency.P99,
		lagP50: result.Lag.P50, lagP99: result.Lag.P99,
		failed: result.FailedRequests,
	}, err
}

// vegeta runs the same with vegeta, if there is one.
func vegeta(url string, rate float64, length time.Duration) (figures, bool) {
	attack := exec.Command("vegeta", "attack", "-rate", fmt.Sprint(rate), "-duration", length.String())
	attack.Stdin = strings.NewReader("GET " + url)
	results, err := attack.Output()
	if err != nil {
		return figures{}, false
	}
	report := exec.Command("vegeta", "report", "-type=json")
	report.Stdin = bytes.NewReader(results)
	text, err := report.Output()
	if err != nil {
		return figures{}, false
	}
	var found struct {
		Rate      float64          `json:"rate"`
		Requests  int64            `json:"requests"`
		Codes     map[string]int64 `json:"status_codes"`
		Latencies struct {
			P50 float64 `json:"50th"`
			P99 float64 `json:"99th"`
		} `json:"latencies"`
	}
	if err := json.Unmarshal(text, &found); err != nil {
		return figures{}, false
	}
	return figures{
		achieved: found.Rate,
		p50:      found.Latencies.P50 / 1e9, p99: found.Latencies.P99 / 1e9,
		failed: found.Requests - found.Codes["200"],
	}, true
}

// show prints the median of each figure.
func show(tool, rate string, runs []figures) {
	if len(runs) == 0 {
		return
	}
	lag := "not told"
	if tool != "vegeta" {
		lag = fmt.Sprintf("%.2f, %.2f",
			median(runs, func(f figures) float64 { return f.lagP50 })*1e3,
			median(runs, func(f figures) float64 { return f.lagP99 })*1e3)
	}
	fmt.Printf("| %s | %s | %.0f | %.2f | %.2f | %s | %d |\n", tool, rate,
		median(runs, func(f figures) float64 { return f.achieved }),
		median(runs, func(f figures) float64 { return f.p50 })*1e3,
		median(runs, func(f figures) float64 { return f.p99 })*1e3,
		lag, median(runs, func(f figures) int64 { return f.failed }))
}

func median[T cmp.Ordered](runs []figures, of func(figures) T) T {
	values := []T{}
	for _, f := range runs {
		values = append(values, of(f))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// wrk shows what the server can do: a closed loop asks as fast as it is
// answered.
func wrk(url string, length time.Duration) {
	out, err := exec.Command("wrk", "-t1", "-c32", "-d"+strconv.Itoa(int(length.Seconds())), "--latency", url).Output()
	if err != nil {
		return
	}
	figure := func(pattern string) string {
		if found := regexp.MustCompile(pattern).FindSubmatch(out); found != nil {
			return string(found[1])
		}
		return "?"
	}
	milliseconds := func(text string) string {
		d, err := time.ParseDuration(text)
		if err != nil {
			return text
		}
		return fmt.Sprintf("%.2f", d.Seconds()*1e3)
	}
	fmt.Printf("| wrk, 32 connections | closed loop | %s | %s | %s | – | – |\n",
		figure(`Requests/sec:\s+(\d+)`), milliseconds(figure(`50%\s+(\S+)`)), milliseconds(figure(`99%\s+(\S+)`)))
}
