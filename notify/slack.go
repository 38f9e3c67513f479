package notify

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/scale"
)

const (
	// mostLines is how many news one message of a chat lists.
	mostLines = 10
	// mostWords bounds one of them, in bytes; a block of Slack holds 3000.
	mostWords = 500
)

// chat writes messages for incoming webhooks of Slack: text, which Mattermost
// and notifications of a phone show, and blocks.
type chat struct{}

// single implements [writer].
func (chat) single() bool { return false }

type slackMessage struct {
	Text   string       `json:"text"`
	Blocks []slackBlock `json:"blocks"`
	// Links in foreign words are not looked at by the chat.
	UnfurlLinks bool `json:"unfurl_links"`
	UnfurlMedia bool `json:"unfurl_media"`
}

type slackBlock struct {
	Type     string      `json:"type"`
	Text     *slackText  `json:"text,omitempty"`
	Elements []slackText `json:"elements,omitempty"`
}

type slackText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// write implements [writer].
func (chat) write(news []News, lost int) (*message, error) {
	shown, rest := foremost(merge(news), mostLines)
	m := slackMessage{}
	var lines []string
	for i := range shown {
		n := &shown[i]
		name := n.Target
		if name == "" {
			name = "flyball"
		}
		mark, words := markOf(n), escape(inWords(n))
		lines = append(lines, mark+" "+escape(name)+": "+words)
		m.Blocks = append(m.Blocks, slackBlock{Type: "section", Text: &slackText{"mrkdwn", mark + " *" + escape(name) + "* " + words}})
	}
	if more := moreOf(rest, lost); more != "" {
		lines = append(lines, more)
		m.Blocks = append(m.Blocks, slackBlock{Type: "context", Elements: []slackText{{"mrkdwn", more}}})
	}
	m.Text = strings.Join(lines, "\n")
	body, err := json.Marshal(m)
	return &message{id: together(news), header: map[string]string{"Content-Type": "application/json"}, body: body, news: news, summed: len(rest)+lost > 0}, err
}

// merge puts the changes of each target into one, from the first count to the
// last.
func merge(news []News) []News {
	var out []News
	last := map[string]int{}
	for _, n := range news {
		i, known := last[n.Target]
		if n.Type != control.ScaledUp && n.Type != control.ScaledDown {
			out = append(out, n)
			continue
		}
		if !known {
			last[n.Target] = len(out)
			out = append(out, n)
			continue
		}
		n.From, n.changes = out[i].From, out[i].steps()+1
		out[i] = n
	}
	return out
}

func markOf(n *News) string {
	switch {
	case n.Resolved:
		return "✅"
	case n.Severity == Critical:
		return "🔴"
	case n.Severity == Warning:
		return "🟠"
	case n.Type == control.ScaledUp:
		return "▲"
	case n.Type == control.ScaledDown:
		return "▼"
	default:
		return "•"
	}
}

// inWords is what one line says.
func inWords(n *News) string {
	words := n.Message
	if n.Type == control.ScaledUp || n.Type == control.ScaledDown {
		words = fmt.Sprintf("%d → %s", n.From, scale.Count(n.To, "replica"))
		if n.steps() > 1 {
			words += fmt.Sprintf(" in %d changes", n.steps())
		}
	} else if n.By != "" {
		words += " (by " + n.By + ")"
	}
	if n.Reason != "" {
		words += ": " + n.Reason
	}
	return webclient.Excerpt(words, mostWords)
}

// moreOf says what is not listed.
func moreOf(rest []News, lost int) string {
	if len(rest)+lost == 0 {
		return ""
	}
	targets, changes := map[string]bool{}, lost
	for i := range rest {
		if rest[i].Target != "" { // or the controller itself
			targets[rest[i].Target] = true
		}
		changes += rest[i].steps()
	}
	words := scale.Count(changes, "more change")
	if len(targets) > 0 {
		words += " of " + scale.Count(len(targets), "target")
	}
	if lost > 0 {
		words += fmt.Sprintf(" (%d of them were too many to be kept)", lost)
	}
	return words
}

// escape makes text that is only text: Slack's three characters, and for
// Mattermost an @ that calls nobody and a ]( that is no link and no image.
func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "@", "@\u200b", "](", "]\u200b(").Replace(text)
}
