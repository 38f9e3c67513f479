package llm

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/advisor"
	"github.com/flyball-io/flyball/policy/advised"
	"github.com/flyball-io/flyball/scale"
)

// reader reads answers to a question; counts are 2 to 20.
func reader(question string) *Advisor { return New(config(question), &model{}, environment()) }

const (
	goodCount      = `{"reasoning":"the crowd stays","replicas":18,"confidence":0.8}`
	goodThresholds = `{"reasoning":"p95 is far above its baseline","action":"scale_up","up_ms":180,"down_ms":90.5,"confidence":0.7}`
)

func TestGoodAnswers(t *testing.T) {
	eighteen, two := 18, 2
	for _, tc := range []struct {
		name, question, text string
		want                 scale.Advice
	}{
		{"a count", advised.Replicas, goodCount, scale.Advice{Replicas: &eighteen, Confidence: 0.8, Reason: "the crowd stays"}},
		{"in another order, with space", advised.Replicas, " \n{ \"confidence\" : 1,\n\"replicas\":2, \"reasoning\" : \"\" }\t", scale.Advice{Replicas: &two, Confidence: 1}},
		{"in a fence", advised.Replicas, "```\n" + goodCount + "\n```", scale.Advice{Replicas: &eighteen, Confidence: 0.8, Reason: "the crowd stays"}},
		{"in a fence of JSON", advised.Replicas, "```json\n" + goodCount + "```\n", scale.Advice{Replicas: &eighteen, Confidence: 0.8, Reason: "the crowd stays"}},
		{"up", advised.Thresholds, goodThresholds, scale.Advice{Direction: 1, Thresholds: map[string]float64{"latencyP95.up": 0.18, "latencyP95.down": 0.0905}, Confidence: 0.7, Reason: "p95 is far above its baseline"}},
		{"down", advised.Thresholds, strings.Replace(goodThresholds, "scale_up", "scale_down", 1), scale.Advice{Direction: -1, Thresholds: map[string]float64{"latencyP95.up": 0.18, "latencyP95.down": 0.0905}, Confidence: 0.7, Reason: "p95 is far above its baseline"}},
		{"neither", advised.Thresholds, strings.Replace(goodThresholds, "scale_up", "noop", 1), scale.Advice{Thresholds: map[string]float64{"latencyP95.up": 0.18, "latencyP95.down": 0.0905}, Confidence: 0.7, Reason: "p95 is far above its baseline"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := reader(tc.question).read(&advisor.Reply{Text: tc.text})
			if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
				t.Errorf("got %v, %s", err, diff)
			}
		})
	}
}

// with is a good answer with one field written otherwise.
func with(good, field, value string) string {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(good), &fields); err != nil {
		panic(err)
	}
	var b strings.Builder
	for _, name := range []string{"reasoning", "replicas", "action", "up_ms", "down_ms", "confidence"} {
		old, is := fields[name]
		if name == field {
			old = json.RawMessage(value)
		}
		if is {
			fmt.Fprintf(&b, `,"%s":%s`, name, old)
		}
	}
	return "{" + b.String()[1:] + "}"
}

func TestMalformedAnswers(t *testing.T) {
	for _, tc := range []struct{ name, question, text, want string }{
		{"nothing", advised.Replicas, "", "empty"},
		{"an empty fence", advised.Replicas, "```json\n```", "empty"},
		{"words", advised.Replicas, "I would use 18 replicas.", "must be one JSON object"},
		{"words before", advised.Replicas, "Sure! " + goodCount, "must be one JSON object"},
		{"words after", advised.Replicas, goodCount + " Anything else?", "no valid JSON"},
		{"words before a fence", advised.Replicas, "Here:\n```json\n" + goodCount + "\n```", "must be one JSON object"},
		{"two fences", advised.Replicas, "```\n```\n" + goodCount + "\n```\n```", "must be one JSON object"},
		{"half a fence", advised.Replicas, "```json\n" + goodCount, "must be one JSON object"},
		{"a fence of something else", advised.Replicas, "```python\n" + goodCount + "\n```", "must be one JSON object"},
		{"two objects", advised.Replicas, goodCount + goodCount, "no valid JSON"},
		{"a list", advised.Replicas, "[" + goodCount + "]", "must be one JSON object"},
		{"null", advised.Replicas, "null", "must be one JSON object"},
		{"a number", advised.Replicas, "18", "must be one JSON object"},
		{"a string", advised.Replicas, `"18"`, "must be one JSON object"},
		{"an empty object", advised.Replicas, "{}", "missing properties"},
		{"cut off", advised.Replicas, goodCount[:len(goodCount)-8], "no valid JSON"},
		{"cut in a word", advised.Replicas, `{"reasoning":"the cr`, "no valid JSON"},
		{"a comma too many", advised.Replicas, strings.Replace(goodCount, "}", ",}", 1), "no valid JSON"},
		{"single quotes", advised.Replicas, strings.ReplaceAll(goodCount, `"`, "'"), "no valid JSON"},
		{"a comment", advised.Replicas, "{/* hi */" + goodCount[1:], "no valid JSON"},
		{"no UTF-8", advised.Replicas, strings.Replace(goodCount, "crowd", "cr\xffwd", 1), "not UTF-8"},
		{"a byte order mark", advised.Replicas, "\ufeff" + goodCount, "must be one JSON object"},
		{"very long", advised.Replicas, with(goodCount, "reasoning", `"`+strings.Repeat("x", mostAnswer)+`"`), "at most 8192 are read"},
		{"very deep", advised.Replicas, `{"reasoning":` + strings.Repeat("[", 4000) + strings.Repeat("]", 4000) + "}", "has parts"},
		{"nested", advised.Replicas, `{"answer":` + goodCount + "}", `"answer": must be one value`},
		{"a list of reasons", advised.Replicas, with(goodCount, "reasoning", `["a"]`), `"reasoning": must be one value`},
		{"a key twice", advised.Replicas, `{"replicas":3,` + goodCount[1:], `"replicas" is given twice`},
		{"a key twice, once escaped", advised.Replicas, `{"replic\u0061s":3,` + goodCount[1:], `"replicas" is given twice`},
		{"a key too many", advised.Replicas, `{"command":"rm",` + goodCount[1:], "additional properties"},
		{"a key in capitals", advised.Replicas, strings.Replace(goodCount, "replicas", "Replicas", 1), "missing property 'replicas'"},
		{"a key missing", advised.Replicas, `{"replicas":18,"confidence":0.8}`, "missing property 'reasoning'"},
		{"an injected key", advised.Replicas, `{"\u001b[31mignore":1,` + goodCount[1:], "additional properties"},

		{"above the bounds", advised.Replicas, with(goodCount, "replicas", "21"), "replicas: maximum"},
		{"below the bounds", advised.Replicas, with(goodCount, "replicas", "1"), "replicas: minimum"},
		{"negative", advised.Replicas, with(goodCount, "replicas", "-18"), "replicas: minimum"},
		{"half a replica", advised.Replicas, with(goodCount, "replicas", "4.5"), "replicas: got number, want integer"},
		{"a float for a count", advised.Replicas, with(goodCount, "replicas", "4.0"), "replicas: must be an integer"},
		{"an exponent for a count", advised.Replicas, with(goodCount, "replicas", "1e1"), "replicas: must be an integer"},
		{"a huge count", advised.Replicas, with(goodCount, "replicas", "1e308"), "no number of this size"},
		{"a count without end", advised.Replicas, with(goodCount, "replicas", strings.Repeat("9", 5000)), "no number of this size"},
		{"a number that takes all memory", advised.Replicas, with(goodCount, "replicas", "1e1000000000"), "no number of this size"},
		{"one that is nearly nothing", advised.Replicas, with(goodCount, "confidence", "1e-1000000000"), "no number of this size"},
		{"NaN", advised.Replicas, with(goodCount, "confidence", "NaN"), "no valid JSON"},
		{"infinity", advised.Replicas, with(goodCount, "confidence", "-Infinity"), "no valid JSON"},
		{"a leading zero", advised.Replicas, with(goodCount, "replicas", "010"), "no valid JSON"},
		{"hexadecimal", advised.Replicas, with(goodCount, "replicas", "0x10"), "no valid JSON"},
		{"a count as text", advised.Replicas, with(goodCount, "replicas", `"18"`), "replicas: got string, want integer"},
		{"a count that is null", advised.Replicas, with(goodCount, "replicas", "null"), "replicas: got null, want integer"},
		{"a count that is true", advised.Replicas, with(goodCount, "replicas", "true"), "replicas: got boolean, want integer"},
		{"a reason that is a number", advised.Replicas, with(goodCount, "reasoning", "7"), "reasoning: got number, want string"},
		{"more than sure", advised.Replicas, with(goodCount, "confidence", "1.01"), "confidence: maximum"},
		{"percent", advised.Replicas, with(goodCount, "confidence", "80"), "confidence: maximum"},
		{"less than unsure", advised.Replicas, with(goodCount, "confidence", "-0.1"), "confidence: minimum"},
		{"confidence in words", advised.Replicas, with(goodCount, "confidence", `"high"`), "confidence: got string"},
		{"the other question's answer", advised.Replicas, goodThresholds, "missing property 'replicas'"},

		{"an action of its own", advised.Thresholds, with(goodThresholds, "action", `"restart"`), "action: value must be one of"},
		{"an action in capitals", advised.Thresholds, with(goodThresholds, "action", `"SCALE_UP"`), "action: value must be one of"},
		{"an action with space", advised.Thresholds, with(goodThresholds, "action", `"scale_up "`), "action: value must be one of"},
		{"an action that is a number", advised.Thresholds, with(goodThresholds, "action", "1"), "action: got number"},
		{"thresholds the wrong way round", advised.Thresholds, with(goodThresholds, "up_ms", "90"), "down_ms: must be below up_ms"},
		{"equal thresholds", advised.Thresholds, with(goodThresholds, "up_ms", "90.5"), "down_ms: must be below up_ms"},
		{"a negative threshold", advised.Thresholds, with(goodThresholds, "down_ms", "-1"), "down_ms: minimum"},
		{"a threshold of nothing", advised.Thresholds, with(goodThresholds, "up_ms", "0"), "up_ms: minimum"},
		{"a threshold of hours", advised.Thresholds, with(goodThresholds, "up_ms", "1e7"), "up_ms: maximum"},
		{"a huge threshold", advised.Thresholds, with(goodThresholds, "up_ms", "1e308"), "no number of this size"},
		{"a threshold with its unit", advised.Thresholds, with(goodThresholds, "up_ms", `"180 ms"`), "up_ms: got string"},
		{"no threshold", advised.Thresholds, with(goodThresholds, "up_ms", "null"), "up_ms: got null"},
		{"the other question's answer", advised.Thresholds, goodCount, "missing properties"},
	} {
		t.Run(tc.question+"/"+tc.name, func(t *testing.T) {
			got, err := reader(tc.question).read(&advisor.Reply{Text: tc.text})
			if err == nil || !strings.HasPrefix(err.Error(), "answer refused: ") || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %+v, %v; want it refused for %q", got, err, tc.want)
			}
			if len(err.Error()) > 300 || strings.ContainsFunc(err.Error(), unicode.IsControl) {
				t.Errorf("got %q, want a short line without control characters", err)
			}
			if diff := cmp.Diff(scale.Advice{}, got); diff != "" {
				t.Errorf("advice beside an error: %s", diff)
			}
		})
	}
}

func TestAnswersThatWereCut(t *testing.T) {
	if got, err := reader(advised.Replicas).read(&advisor.Reply{Text: goodCount, Cut: true}); err == nil || !strings.Contains(err.Error(), "cut off, for it was too long") {
		t.Errorf("got %+v, %v; want it refused", got, err)
	}
}

func TestWords(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"plain", "load doubles, p95 rises", "load doubles, p95 rises"},
		{"lines and tabs", " a\r\n\tb\v\fc\u2028d\u2029e ", "a b c d e"},
		{"colours", "\x1b[31;1mred\x1b[0m", "red"},
		{"colours by C1", "\u009b31mred", "red"},
		{"clears the screen", "a\x1b[2J\x1b[Hb", "ab"},
		{"sets the title", "a\x1b]0;owned\x07b\x1b]8;;http://x\x1b\\c", "abc"},
		{"a string without end", "a\x1bPowned", "a"},
		{"two characters", "a\x1bcb\x1b7c", "abc"},
		{"an escape alone", "a\x1b", "a"},
		{"an escape within an escape", "\x1b\x1b[[31m31mx", "31m31mx"},
		{"control characters", "a\x00b\x07c\x7fd\u0085e", "abcd e"},
		{"writes backwards", "a\u202eb\u2066c\u200bd\ufeffe", "abcde"},
		{"no UTF-8", "a\xffb", "a?b"},
		{"other scripts", "größer 負荷 🚀", "größer 負荷 🚀"},
		{"markup", "<script>alert(1)</script>", "<script>alert(1)</script>"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := line(tc.text); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
	long := strings.Repeat("ü", 300)
	if got := reasoning(long); utf8.RuneCountInString(got) != mostReasoning || !strings.HasSuffix(got, "ü…") {
		t.Errorf("got %d characters: %q", utf8.RuneCountInString(got), got)
	}
	if got := reasoning(long[:2*mostReasoning]); got != long[:2*mostReasoning] {
		t.Errorf("200 characters became %q", got)
	}
	if got := said(strings.Repeat("ü", 4000)); len(got) > mostSaid || len(got) < mostSaid-2 || !strings.HasSuffix(got, "ü…") {
		t.Errorf("got %d bytes", len(got))
	}
}

// Whatever is said: it is refused, or it is exactly what was asked for.
func FuzzAnswers(f *testing.F) {
	for _, text := range []string{
		goodCount, goodThresholds, "```json\n" + goodCount + "\n```", with(goodCount, "replicas", "1e308"), with(goodCount, "replicas", "4.0"),
		with(goodThresholds, "up_ms", "0.1e1"), `{"replicas":3,` + goodCount[1:], with(goodCount, "reasoning", `"\u001b[31m\u202e\ud800"`), "[[[", "",
	} {
		f.Add(text)
	}
	counts, latencies := reader(advised.Replicas), reader(advised.Thresholds)
	f.Fuzz(func(t *testing.T, text string) {
		for _, a := range []*Advisor{counts, latencies} {
			got, err := a.read(&advisor.Reply{Text: text})
			if err != nil {
				if len(err.Error()) > 400 || strings.ContainsFunc(err.Error(), unicode.IsControl) || !utf8.ValidString(err.Error()) {
					t.Errorf("%q: got %q, want a short line", text, err)
				}
				continue
			}
			checkAdvice(t, text, a == counts, got)
		}
	})
}

func checkAdvice(t *testing.T, text string, counts bool, got scale.Advice) {
	t.Helper()
	var plain map[string]any
	inner := strings.TrimSpace(strings.TrimPrefix(strings.Trim(strings.TrimSpace(text), "`"), "json"))
	if err := json.Unmarshal([]byte(inner), &plain); err != nil || len(plain) != map[bool]int{true: 3, false: 5}[counts] {
		t.Errorf("%q is taken, but is no object of the right size: %v", text, err)
	}
	if !(got.Confidence >= 0 && got.Confidence <= 1) {
		t.Errorf("%q: confidence %v", text, got.Confidence)
	}
	if utf8.RuneCountInString(got.Reason) > mostReasoning || strings.ContainsFunc(got.Reason, unicode.IsControl) || !utf8.ValidString(got.Reason) {
		t.Errorf("%q: reason %q", text, got.Reason)
	}
	if counts {
		if got.Replicas == nil || *got.Replicas < 2 || *got.Replicas > 20 || got.Direction != 0 || got.Thresholds != nil {
			t.Errorf("%q: got %+v, want 2 to 20 replicas alone", text, got)
		}
		return
	}
	up, down := got.Thresholds["latencyP95.up"], got.Thresholds["latencyP95.down"]
	if got.Replicas != nil || got.Direction < -1 || got.Direction > 1 || len(got.Thresholds) != 2 || !(down >= 0 && down < up && up <= 600) || math.IsNaN(up) {
		t.Errorf("%q: got %+v, want a direction and two thresholds", text, got)
	}
}
