package webclient

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestAddressesOfServers(t *testing.T) {
	for text, says := range map[string]string{
		"http://127.0.0.1:9090/prefix": "", "https://h?x=1": "", "http://[::1]:80": "",
		"": "must begin with", "h:9090": "must begin with", "ftp://h": "must begin with", "http://": "must begin with", "http://:80": "must begin with",
		"http://u:topsecret@h": "must not hold a user", "http://u:topsecret@h:x": "must be an address", "http://h#a": "fragment",
	} {
		_, err := ParseURL(text)
		if (err == nil) != (says == "") || (err != nil && (!strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "topsecret"))) {
			t.Errorf("%q: got %v, want %q and no password", text, err, says)
		}
	}
	u, _ := url.Parse("https://u:p@h:1/a/b?token=t#f")
	if got := Place(u); got != "https://h:1/a/b" {
		t.Errorf("got %s", got)
	}
}

func TestForeignTextsAreCutAndHarmless(t *testing.T) {
	for text, want := range map[string]string{
		"a\n\tb  c": "a b c", "\x1b[31mred\x00": "?[31mred?", strings.Repeat("é", 10): "ééééé…", "\xff\xfeé": "?é",
	} {
		if got := Excerpt(text, 10); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if got := redact("Bearer abcd and ab", []string{"abcd", "ab", ""}); got != "Bearer (hidden) and ab" {
		t.Errorf("got %q", got)
	}
}

// When whoever asks has no more time, the answer says so, and not that the
// client's own timeout is over.
func TestWhoAsksMayHaveLessTimeThanTheClient(t *testing.T) {
	late := errors.New("the train leaves")
	ctx, leave := context.WithCancelCause(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		leave(late)
		<-r.Context().Done()
	}))
	defer server.Close()
	r, err := http.NewRequest(http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(Options{Timeout: time.Hour, MaxBytes: 1}).Do(ctx, r)
	if !errors.Is(err, late) || strings.Contains(err.Error(), "1h") {
		t.Errorf("got %v, want the reason of who asked", err)
	}
}

func FuzzExcerpt(f *testing.F) {
	f.Add("a\x00b", 3)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		if limit < 0 || limit > 1000 {
			return
		}
		if got := Excerpt(text, limit); !utf8.ValidString(got) || len(got) > limit+len("…") || strings.ContainsAny(got, "\n\x00\x1b") {
			t.Errorf("%q, %d: got %q", text, limit, got)
		}
	})
}
