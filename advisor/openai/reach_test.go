package openai

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/policy/advised"
)

// Where nobody listens at Ollama's port, it says what to start.
func TestOllamaDoesNotRun(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	_, refused := net.Dial("tcp", l.Addr().String())
	for url, helped := range map[string]bool{"http://ollama:11434/v1": true, "": true, "http://127.0.0.1:8000/v1": false} {
		m, err := New(advised.OpenAI{URL: url, Model: "m"}, func(string) string { return "" })
		if err != nil {
			t.Fatal(err)
		}
		if got := m.reach(refused); !errors.Is(got, refused) || strings.Contains(got.Error(), "ollama serve") != helped {
			t.Errorf("%q: got %v", url, got)
		}
		if got := m.reach(errors.New("another")); got.Error() != "another" {
			t.Errorf("%q: got %v", url, got)
		}
	}
}
