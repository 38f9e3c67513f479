package webclient

import (
	"net/url"
	"strings"
	"testing"
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
