package web_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/web"
)

// Answers are counted by the route, not by what was asked for: that has as many
// values as whoever asks likes.
func TestAnswersAreToldByRoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		r := newRigWith(t, web.Options{Targets: []web.TargetInfo{shop()}, Tokens: []web.Token{web.NewToken("ann", annSecret)},
			Answered: func(route string, code int, took *time.Duration) {
				if took == nil || *took < 0 {
					t.Errorf("%s took %v", route, took)
				}
				told = append(told, fmt.Sprint(route, " ", code))
			}})
		defer r.stop()
		for _, path := range []string{"/api/v1/targets/shop", "/api/v1/targets/a", "/api/v1/targets/b", "/api/no", "/x.php"} {
			r.ask(http.MethodGet, path, bearer(annSecret))
		}
		r.ask(http.MethodGet, "/api/v1/targets/shop", nil)
		want := []string{"/api/v1/targets/{name} 200", "/api/v1/targets/{name} 404", "/api/v1/targets/{name} 404", "/api/ 404", "/ 404", "/api/v1/targets/{name} 401"}
		if !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
	})
}

// Profiles show what is secret to the machine's users: only who has a token gets
// any.
func TestProfilesAreBehindTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := guarded(t)
		defer r.stop()
		for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap?debug=1", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=1"} {
			if w := r.ask(http.MethodGet, path, nil); w.Code != http.StatusUnauthorized {
				t.Errorf("%s without token: %d, want 401", path, w.Code)
			}
			if w := r.ask(http.MethodGet, path, bearer("no-0123456789abcdef")); w.Code != http.StatusUnauthorized {
				t.Errorf("%s with a wrong token: %d, want 401", path, w.Code)
			}
			if w := r.ask(http.MethodGet, path, bearer(annSecret)); w.Code != http.StatusOK || w.Body.Len() == 0 {
				t.Errorf("%s with the token: %d, %d bytes", path, w.Code, w.Body.Len())
			}
		}
		if w := r.ask(http.MethodGet, "/debug/pprof/goroutine?debug=1", bearer(annSecret)); !strings.Contains(w.Body.String(), "goroutine profile:") {
			t.Errorf("not a profile: %.200s", w.Body)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shop())
		defer r.stop()
		if w := r.ask(http.MethodGet, "/debug/pprof/", nil); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "--token-file") {
			t.Errorf("without any token: %d %s, want 404 and how to get them", w.Code, w.Body)
		}
	})
}
