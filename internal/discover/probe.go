package discover

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// probeTimeout is how long a service may take to answer one path.
const probeTimeout = time.Second

// readyPaths are where services usually say that they are ready, the most
// telling first.
var readyPaths = []string{"/readyz", "/ready", "/-/ready", "/healthz", "/health", "/livez", "/ping", "/"}

// httpClient asks this machine directly and follows nothing.
func httpClient() *http.Client {
	return &http.Client{
		Timeout:       probeTimeout,
		Transport:     &http.Transport{Proxy: nil, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// noSuchPath is one that no service has.
const noSuchPath = "/flyball-init-looks-around"

// probe asks the usual paths; ok when anything answers in HTTP. Where a
// service answers every path alike, a path with an answer of its own is
// preferred: "/" of a web site says little about its readiness.
func probe(ctx context.Context, url string) (ready string, ok bool) {
	client := httpClient()
	other, err := get(ctx, client, url, noSuchPath)
	if err != nil {
		return "", false // it does not speak HTTP: no use in asking on
	}
	for _, path := range readyPaths {
		a, err := get(ctx, client, url, path)
		if err != nil || a.status < 200 || a.status >= 400 {
			continue
		}
		if other.status >= 400 || !a.like(other) {
			return path, true
		}
		if ready == "" {
			ready = path
		}
	}
	return ready, true
}

// answer is what came of a GET.
type answer struct {
	path   string
	status int
	kind   string
	body   []byte
}

var digits = regexp.MustCompile(`[0-9]+`)

// like reports whether two answers differ in no more than the path they name
// and in numbers.
func (a answer) like(b answer) bool {
	bare := func(x answer) string {
		return digits.ReplaceAllString(strings.ReplaceAll(string(x.body), x.path, ""), "")
	}
	return a.status == b.status && a.kind == b.kind && bare(a) == bare(b)
}

// mostBody is what is read of an answer.
const mostBody = 8 << 20

func get(ctx context.Context, client *http.Client, server, path string) (answer, error) {
	a := answer{path: path}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server+path, nil)
	if err != nil {
		return a, err
	}
	request.Header.Set("User-Agent", "flyball-init")
	response, err := client.Do(request)
	if err != nil {
		return a, err
	}
	defer response.Body.Close()
	a.status, a.kind = response.StatusCode, response.Header.Get("Content-Type")
	a.body, err = io.ReadAll(io.LimitReader(response.Body, mostBody))
	return a, err
}
