package inference

import (
	"testing"

	"github.com/flyball-io/flyball/internal/calls"
	"github.com/flyball-io/flyball/internal/calls/callstest"
)

// Whether a server answers us is seen in our own metrics too.
func TestRequestsAreCounted(t *testing.T) {
	before := callstest.Outcomes(t, calls.Inference)
	_, _ = read(t, VLLM, serve(t, "text/plain", map[string]string{"/metrics": shown(t, "vllm-0.10.txt")}))
	_, _ = read(t, VLLM, serve(t, "text/plain", nil))
	_, _ = read(t, Ollama, "http://127.0.0.1:1")
	callstest.Grown(t, calls.Inference, before, map[string]float64{"ok": 1, "refused": 1, "unanswered": 1})
}
