package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

// paged is an instance that has entries 1 to total and answers with at most
// perPage of them, whatever is asked for; next writes its field nextBefore.
func paged(t *testing.T, total, perPage int, next func(last int) string) (*httptest.Server, *int) {
	t.Helper()
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		first, limit := total, 0
		if before := r.URL.Query().Get("before"); before != "" {
			first, _ = strconv.Atoi(before)
			first--
		}
		limit, _ = strconv.Atoi(r.URL.Query().Get("limit"))
		entries := []map[string]any{}
		last := first + 1
		for id := first; id > 0 && len(entries) < min(limit, perPage); id-- {
			entries = append(entries, map[string]any{"id": id, "at": id, "from": 1, "to": 2})
			last = id
		}
		data, _ := json.Marshal(entries)
		kind := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		fmt.Fprintf(w, `{%q: %s%s}`, kind, data, next(last))
	}))
	t.Cleanup(server.Close)
	return server, &asked
}

func TestAListingGoesOnUntilTheInstanceSaysItEnds(t *testing.T) {
	says := func(last int) string {
		if last > 1 {
			return fmt.Sprintf(`, "nextBefore": %d`, last)
		}
		return `, "nextBefore": null`
	}
	left := func(last int) string { return strings.TrimSuffix(says(last), `, "nextBefore": null`) }
	silent := func(int) string { return "" }
	for _, tc := range []struct {
		name           string
		total, perPage int
		limit          string
		next           func(int) string
		lines, asked   int
	}{
		{"short pages", 25, 10, "0", says, 25, 3},
		{"short pages, the end left out", 25, 10, "0", left, 25, 3},
		{"a limit over short pages", 25, 10, "15", says, 15, 2},
		{"one page", 25, 1000, "0", says, 25, 1},
		{"nothing", 0, 10, "0", says, 0, 1},
		{"full pages of one that does not say", 2500, 1000, "0", silent, 2500, 3},
		{"a full last page of one that does not say", 2000, 1000, "0", silent, 2000, 3},
		{"a short page of one that does not say", 25, 1000, "0", silent, 25, 1},
	} {
		for _, args := range [][]string{{"decisions", "shop"}, {"events"}} {
			server, asked := paged(t, tc.total, tc.perPage, tc.next)
			out, errOut, status := execute(t.Context(), append(args, "--limit", tc.limit, "--json", "--server", server.URL)...)
			lines := strings.Count(out, "\n")
			if status != 0 || lines != tc.lines || *asked != tc.asked {
				t.Errorf("%s: %s: got %d lines with %d requests, status %d %s; want %d with %d", args[0], tc.name, lines, *asked, status, errOut, tc.lines, tc.asked)
			}
			if first, _, _ := strings.Cut(out, "\n"); tc.lines > 0 && !strings.Contains(first, fmt.Sprintf(`"id":%d}`, tc.total-tc.lines+1)) && !strings.Contains(first, fmt.Sprintf(`"id":%d,`, tc.total-tc.lines+1)) {
				t.Errorf("%s: %s: begins with %s, want the oldest", args[0], tc.name, first)
			}
		}
	}
}

func TestAListingWithoutEndIsAnError(t *testing.T) {
	server, _ := paged(t, 10, 5, func(int) string { return `, "nextBefore": 6` })
	_, errOut, status := execute(t.Context(), "events", "--limit", "0", "--server", server.URL)
	if status == 0 || !strings.Contains(errOut, "has no end") {
		t.Errorf("status %d and %q, want an error", status, errOut)
	}
}
