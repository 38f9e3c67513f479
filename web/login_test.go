package web_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/web"
)

const (
	annSecret = "ann-0123456789abcdef"
	bobSecret = "bob-0123456789abcdef"
)

// guarded is a rig that lets in ann and bob, and what it logs.
func guarded(t *testing.T) (*rig, *operator, *bytes.Buffer) {
	t.Helper()
	o, log := &operator{info: shop()}, &bytes.Buffer{}
	r := newRigWith(t, web.Options{Targets: []web.TargetInfo{shop()}, Actions: o,
		Tokens:  []web.Token{web.NewToken("ann", annSecret), web.NewToken("bob", bobSecret)},
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("up 1\n")) }),
		Log:     slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	o.server = r.server
	return r, o, log
}

// ask sends a request and returns the whole answer.
func (r *rig) ask(method, path string, change func(*http.Request)) *httptest.ResponseRecorder {
	r.t.Helper()
	request := httptest.NewRequest(method, path, nil)
	if change != nil {
		change(request)
	}
	w := httptest.NewRecorder()
	r.http.ServeHTTP(w, request)
	if err := r.contract.check(method, path, w.Code, w.Header(), w.Body.Bytes()); err != nil {
		r.t.Errorf("%s %s: %v", method, path, err)
	}
	return w
}

func bearer(secret string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+secret) }
}

// login sends the form and returns the answer with its cookie, if there is one.
func (r *rig) login(secret string, header ...string) (*httptest.ResponseRecorder, *http.Cookie) {
	r.t.Helper()
	form := url.Values{"token": {secret}}.Encode()
	request := httptest.NewRequest("POST", "/login", strings.NewReader(form))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	r.http.ServeHTTP(w, request)
	for _, c := range w.Result().Cookies() {
		return w, c
	}
	return w, nil
}

func TestWithoutATokenOnlyTheDoorIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := guarded(t)
		defer r.stop()
		for _, path := range []string{"/api/v1/targets", "/api/v1/targets/shop", "/api/v1/targets/nope", "/api/v1/events", "/api/v1/stream", "/api/v1/openapi.json",
			"/metrics", "/version", "/app.js", "/nowhere", "/api/v1/targets/shop.css", "/api/v1/targets/shop/decisions/1.svg", "/nowhere.css", "/x/favicon.svg", "/api/", "/api/v1/targets/shop/../shop"} {
			for name, with := range map[string]func(*http.Request){
				"nothing": nil, "a wrong token": bearer("wrong-0123456789abcdef"), "no token": bearer(""),
				"another scheme": func(r *http.Request) { r.SetBasicAuth("ann", annSecret) },
				"a wrong cookie": func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "flyball-session", Value: annSecret}) },
				"in the address": func(r *http.Request) { r.URL.RawQuery = "token=" + annSecret },
			} {
				time.Sleep(time.Hour) // wrong tokens are forgotten
				w := r.ask("GET", path, with)
				if w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") == "" || !strings.Contains(w.Body.String(), `"error"`) {
					t.Errorf("%s with %s: %d %s, want 401 in JSON", path, name, w.Code, w.Body)
				}
			}
		}
		for path, want := range map[string]string{"/healthz": "ok", "/readyz": "starting", "/app.css": "{", "/favicon.svg": "<svg", "/": `name="token"`, "/index.html": `name="token"`, "/login": `name="token"`} {
			if w := r.ask("GET", path, nil); !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: %d %.80s, want %q", path, w.Code, w.Body, want)
			}
		}
		if w := r.ask("PUT", modePath, nil); w.Code != http.StatusUnauthorized {
			t.Errorf("set the mode without a token: %d", w.Code)
		}
	})
}

func TestATokenLetsIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := guarded(t)
		defer r.stop()
		for _, path := range []string{"/api/v1/targets", "/metrics", "/version", "/", "/app.js"} {
			for _, with := range []func(*http.Request){bearer(annSecret), bearer(bobSecret),
				func(r *http.Request) { r.Header.Set("Authorization", "bearer  "+bobSecret) }} {
				if w := r.ask("GET", path, with); w.Code != http.StatusOK || strings.Contains(w.Body.String(), `name="token"`) {
					t.Errorf("%s with a token: %d", path, w.Code)
				}
			}
		}
	})
}

func TestLoginSetsACookieThatIsNotTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, o, log := guarded(t)
		defer r.stop()
		w, cookie := r.login(annSecret)
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "./" || cookie == nil {
			t.Fatalf("login: %d %v, want the way to the page with a cookie", w.Code, w.Header())
		}
		if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Secure || cookie.Path != "/" || cookie.MaxAge != 30*24*3600 {
			t.Errorf("cookie %v: want HttpOnly, SameSite=Strict, 30 days", cookie)
		}
		if strings.Contains(cookie.Value, "ann") || strings.Contains(log.String(), annSecret) {
			t.Error("the token is in the cookie or in the log")
		}
		with := func(r *http.Request) { r.AddCookie(cookie) }
		for _, path := range []string{"/api/v1/targets", "/", "/metrics"} {
			if w := r.ask("GET", path, with); w.Code != http.StatusOK {
				t.Errorf("%s with the cookie: %d", path, w.Code)
			}
		}
		if w := r.ask("GET", "/login", with); w.Code != http.StatusSeeOther {
			t.Errorf("login page for who is in: %d, want the way to the page", w.Code)
		}
		if w := r.ask("DELETE", modePath, with); w.Code != http.StatusOK || o.by[0] != "ann" {
			t.Errorf("act with the cookie: %d by %q, want ann", w.Code, o.by)
		}
		time.Sleep(30*24*time.Hour + time.Second)
		if w := r.ask("GET", "/api/v1/targets", with); w.Code != http.StatusUnauthorized {
			t.Errorf("after 30 days: %d", w.Code)
		}
	})
}

func TestCookieIsSecureUnderTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := guarded(t)
		defer r.stop()
		if _, cookie := r.login(annSecret, "X-Forwarded-Proto", "https"); cookie == nil || !cookie.Secure {
			t.Errorf("behind a proxy with TLS: %v", cookie)
		}
		form := strings.NewReader(url.Values{"token": {annSecret}}.Encode())
		request := httptest.NewRequest("POST", "https://flyball.example/login", form)
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.TLS = &tls.ConnectionState{}
		w := httptest.NewRecorder()
		r.http.ServeHTTP(w, request)
		if cookies := w.Result().Cookies(); len(cookies) != 1 || !cookies[0].Secure {
			t.Errorf("under TLS: %v", cookies)
		}
	})
}

func TestACookieOfAnotherTokenOrTimeIsWorthNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := guarded(t)
		defer r.stop()
		_, cookie := r.login(annSecret)
		other := newRigWith(t, web.Options{Tokens: []web.Token{web.NewToken("ann", bobSecret)}})
		defer other.stop()
		if w := other.ask("GET", "/version", func(r *http.Request) { r.AddCookie(cookie) }); w.Code != http.StatusUnauthorized {
			t.Errorf("the token of ann was changed: %d with her old cookie", w.Code)
		}
		same := newRigWith(t, web.Options{Tokens: []web.Token{web.NewToken("ann", annSecret)}})
		defer same.stop()
		if w := same.ask("GET", "/version", func(r *http.Request) { r.AddCookie(cookie) }); w.Code != http.StatusOK {
			t.Errorf("after a restart: %d", w.Code)
		}
		for i := range len(cookie.Value) {
			changed := []byte(cookie.Value)
			changed[i] ^= 1
			w := r.ask("GET", "/version", func(r *http.Request) {
				r.AddCookie(&http.Cookie{Name: cookie.Name, Value: string(changed)})
			})
			if w.Code != http.StatusUnauthorized {
				t.Errorf("changed at %d: %d", i, w.Code)
			}
		}
	})
}

func TestLogoutForgetsTheCookie(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := guarded(t)
		defer r.stop()
		w := r.ask("POST", "/logout", nil)
		if c := w.Result().Cookies(); w.Code != http.StatusSeeOther || len(c) != 1 || c[0].Value != "" || c[0].MaxAge >= 0 || !c[0].HttpOnly {
			t.Errorf("logout: %d %v", w.Code, c)
		}
	})
}

func TestWrongTokensAreSlowedDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, log := guarded(t)
		defer r.stop()
		wrong := "wrong-secret-of-somebody"
		for i := range 10 {
			if w, _ := r.login(wrong); w.Code != http.StatusUnauthorized {
				t.Fatalf("try %d: %d", i, w.Code)
			}
		}
		w, cookie := r.login(wrong)
		if w.Code != http.StatusTooManyRequests || cookie != nil || w.Header().Get("Retry-After") != "60" {
			t.Errorf("after ten: %d %v, want 429", w.Code, cookie)
		}
		if w := r.ask("GET", "/version", bearer(wrong)); w.Code != http.StatusTooManyRequests {
			t.Errorf("as a header: %d, want 429", w.Code)
		}
		// Others come from the same address, for example that of a proxy.
		if w, cookie := r.login(annSecret); w.Code != http.StatusSeeOther || cookie == nil {
			t.Errorf("ann's login after ten tries of another: %d %v, want her in", w.Code, cookie)
		}
		if w := r.ask("GET", "/version", bearer(annSecret)); w.Code != http.StatusOK {
			t.Errorf("ann's token after ten tries of another: %d, want her in", w.Code)
		}
		elsewhere := func(request *http.Request) { bearer(annSecret)(request); request.RemoteAddr = "192.0.2.99:1234" }
		if w := r.ask("GET", "/version", elsewhere); w.Code != http.StatusOK {
			t.Errorf("from elsewhere: %d", w.Code)
		}
		time.Sleep(time.Minute)
		if w, _ := r.login(wrong); w.Code != http.StatusUnauthorized {
			t.Errorf("a minute later: %d, want another try", w.Code)
		}
		if strings.Contains(log.String(), wrong) || strings.Contains(log.String(), annSecret) {
			t.Errorf("the log holds a token:\n%s", log)
		}
	})
}

func TestATokenThatIsTakenAwayEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := guarded(t)
		defer r.stop()
		_, cookie := r.login(annSecret)
		session := func(request *http.Request) { request.AddCookie(cookie) }
		ofAnn, ofBob := r.listenAs(annSecret), r.listenAs(bobSecret)
		defer ofAnn.cancel()
		defer ofBob.cancel()
		newSecret := "new-0123456789abcdef"
		r.server.SetTokens([]web.Token{web.NewToken("bob", bobSecret), web.NewToken("ann", newSecret)})
		for name, c := range map[string]struct {
			with func(*http.Request)
			code int
		}{
			"ann's old token": {bearer(annSecret), 401}, "her cookie": {session, 401}, "her new token": {bearer(newSecret), 200}, "bob's": {bearer(bobSecret), 200},
		} {
			if w := r.ask("GET", "/version", c.with); w.Code != c.code {
				t.Errorf("%s: %d, want %d", name, w.Code, c.code)
			}
		}
		if !ofAnn.hasEnded() || ofBob.hasEnded() {
			t.Errorf("ann's stream ended %v, bob's %v; want hers alone", ofAnn.hasEnded(), ofBob.hasEnded())
		}
		r.server.SetTokens(nil)
		if w := r.ask("GET", "/version", nil); w.Code != http.StatusUnauthorized || !ofBob.hasEnded() {
			t.Errorf("without any token left: %d, want nobody in", w.Code)
		}
	})
}

func TestASessionIsNotSlowedDownByOthersTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := guarded(t)
		defer r.stop()
		_, cookie := r.login(annSecret)
		for range 20 {
			r.ask("GET", "/version", bearer("wrong-0123456789abcdef"))
		}
		if w := r.ask("GET", "/version", func(r *http.Request) { r.AddCookie(cookie) }); w.Code != http.StatusOK {
			t.Errorf("with a cookie: %d", w.Code)
		}
	})
}

func TestOneHostOfIPv6IsOneOrigin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := guarded(t)
		defer r.stop()
		from := func(address string) int {
			return r.ask("GET", "/version", func(request *http.Request) {
				bearer("wrong-0123456789abcdef")(request)
				request.RemoteAddr = address
			}).Code
		}
		for i := range 10 {
			from(fmt.Sprintf("[2001:db8:1:2::%x]:1", i+1))
		}
		if a, b := from("[2001:db8:1:2::ffff]:1"), from("[2001:db8:1:3::1]:1"); a != 429 || b != 401 {
			t.Errorf("the same network %d, another %d; want 429 and 401", a, b)
		}
		for i := range 10_000 { // memory is bounded
			from(fmt.Sprintf("[2001:db9:%x:1::1]:1", i))
		}
	})
}

func TestAFormIsAnsweredWithThePageAndAProgramWithJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := guarded(t)
		defer r.stop()
		page, _ := r.login("wrong", "Accept", "text/html,application/xhtml+xml")
		if page.Code != 401 || !strings.Contains(page.Body.String(), "This token is not known.") || !strings.Contains(page.Header().Get("Content-Type"), "text/html") {
			t.Errorf("form: %d %s", page.Code, page.Body)
		}
		if !strings.Contains(page.Header().Get("Content-Security-Policy"), "form-action 'self'") {
			t.Errorf("the page forbids its own form: %s", page.Header().Get("Content-Security-Policy"))
		}
		if program, _ := r.login("wrong"); !strings.Contains(program.Body.String(), `{"error":`) {
			t.Errorf("program: %s", program.Body)
		}
		huge, _ := r.login(strings.Repeat("x", 1<<20))
		if huge.Code != http.StatusBadRequest {
			t.Errorf("a huge form: %d", huge.Code)
		}
		if cross, _ := r.login(annSecret, "Sec-Fetch-Site", "cross-site"); cross.Code != http.StatusForbidden {
			t.Errorf("from another site: %d", cross.Code)
		}
	})
}

func TestWhoActedIsTheHolderOfTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, o, _ := guarded(t)
		defer r.stop()
		r.send("DELETE", modePath, "", "Authorization", "Bearer "+bobSecret, "X-Flyball-User", "ann")
		r.send("DELETE", modePath, "", "Authorization", "Bearer "+bobSecret, "X-Flyball-User", strings.Repeat("x", 100))
		if want := "bob (" + strings.Repeat("x", 95); len(o.by) != 2 || o.by[0] != "bob (ann)" || o.by[1] != want {
			t.Errorf("by %q, want bob with what he says of himself, at most 100 characters", o.by)
		}
	})
}

func TestTokensAreRead(t *testing.T) {
	for name, c := range map[string]struct {
		text, names, fault string
	}{
		"named":            {"# people\nann: ann-0123456789abcdef\n\n  bob:bob-0123456789abcdef  \n", "ann bob", ""},
		"alone":            {"\n0123456789abcdef\n", "token", ""},
		"nothing":          {"# nobody\n", "", "holds no token"},
		"short":            {"ann: 0123456789abcde", "", "line 1: the token of ann has 15 characters, at least 16"},
		"alone and named":  {"0123456789abcdef\nann: ann-0123456789abcdef", "", "must be the only one"},
		"two alone":        {"0123456789abcdef\nfedcba9876543210", "", "another token of token"},
		"twice":            {"ann: ann-0123456789abcdef\nann: bob-0123456789abcdef", "", "line 2: there is another token of ann"},
		"shared":           {"ann: ann-0123456789abcdef\nbob: ann-0123456789abcdef", "", "line 2: ann and bob have the same token"},
		"a strange name":   {"ann b: ann-0123456789abcdef", "", "line 1: the name must be"},
		"no name":          {": ann-0123456789abcdef", "", "the name must be"},
		"a strange token":  {"ann: ann-0123456789 abcdef", "", "only printable ASCII"},
		"several mistakes": {"ann: short\nbob: short", "", "line 2"},
	} {
		tokens, err := web.ParseTokens(strings.NewReader(c.text))
		var names []string
		for _, token := range tokens {
			names = append(names, token.Name)
		}
		if got := strings.Join(names, " "); got != c.names || (err == nil) != (c.fault == "") || (err != nil && !strings.Contains(err.Error(), c.fault)) {
			t.Errorf("%s: %q, %v; want %q, %q", name, got, err, c.names, c.fault)
		}
		if err != nil && (strings.Contains(err.Error(), "0123456789") || strings.Contains(err.Error(), ": short")) {
			t.Errorf("%s: the error repeats a token: %v", name, err)
		}
	}
}

func TestATokenFileForEveryoneIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(file, []byte("0123456789abcdef"), 0o600); err != nil {
		t.Fatal(err)
	}
	if tokens, err := web.LoadTokens(file); err != nil || len(tokens) != 1 {
		t.Errorf("0600: %v", err)
	}
	for _, mode := range []os.FileMode{0o644, 0o602} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := web.LoadTokens(file); err == nil || !strings.Contains(err.Error(), "chmod 600 "+file) {
			t.Errorf("%o: %v, want a fault with the fix", mode, err)
		}
	}
	if _, err := web.LoadTokens(file + ".no"); err == nil || !strings.Contains(err.Error(), "token file") {
		t.Errorf("missing: %v", err)
	}
}

func FuzzParseTokens(f *testing.F) {
	f.Add("ann: ann-0123456789abcdef\n# x\n")
	f.Add("0123456789abcdef")
	f.Fuzz(func(t *testing.T, text string) {
		tokens, err := web.ParseTokens(strings.NewReader(text))
		if (err == nil) != (len(tokens) > 0) {
			t.Errorf("%d tokens and %v", len(tokens), err)
		}
	})
}
