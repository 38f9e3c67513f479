package advisortest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Step is how a server meets one question.
type Step func(x *exchange)

// Say answers with a text.
func Say(text string) Step { return Answer(func(string) string { return text }) }

// Answer answers with what somebody makes of the user's part of the prompt.
func Answer(make func(prompt string) string) Step {
	return func(x *exchange) { x.good(make(x.asked.User), whole) }
}

// After meets a question as another step does, but later.
func After(d time.Duration, step Step) Step {
	return func(x *exchange) {
		if x.wait(d) {
			step(x)
		}
	}
}

// Cut answers with a text that ended because it was too long.
func Cut(text string) Step { return func(x *exchange) { x.good(text, cut) } }

// Blocked says that its filters let no answer through.
func Blocked() Step { return func(x *exchange) { x.good("", blocked) } }

// Stopped says that its filters stopped an answer that had begun.
func Stopped() Step { return func(x *exchange) { x.good("", stopped) } }

// Empty answers without an answer.
func Empty() Step { return func(x *exchange) { x.good("", none) } }

// Busy is 429 or 503 in the words of the protocol. What is given is sent as
// Retry-After: seconds, a date or "" for none.
func Busy(status int, retryAfter string) Step {
	return func(x *exchange) {
		if retryAfter != "" {
			x.w.Header().Set("Retry-After", retryAfter)
		}
		x.busy(status, 0)
	}
}

// BusyUntil is the same with a date as Retry-After.
func BusyUntil(status int, after time.Duration) Step {
	return func(x *exchange) {
		Busy(status, time.Now().Add(after).UTC().Format(http.TimeFormat))(x)
	}
}

// Exhausted is 429 of a quota that is gone: of Gemini with the time after which
// some is left again, of OpenAI until somebody pays.
func Exhausted(again time.Duration) Step {
	return func(x *exchange) {
		if x.server.protocol == Gemini {
			x.busy(http.StatusTooManyRequests, again)
			return
		}
		x.refuse(http.StatusTooManyRequests, "You exceeded your current quota, please check your plan and billing details.", "insufficient_quota", "insufficient_quota")
	}
}

// Fail is an error of the server's own, such as 500.
func Fail(status int) Step {
	return func(x *exchange) {
		x.refuse(status, "The server had an error while processing your request. Sorry about that!", "server_error", "")
	}
}

// Unauthorized refuses the key, and repeats it as some servers do.
func Unauthorized() Step { return func(x *exchange) { x.unauthorized(x.asked.Key) } }

// Raw answers with any status and body, as application/json.
func Raw(status int, body string) Step {
	return func(x *exchange) { x.write(status, []byte(body)) }
}

// Malformed is half an object, sent as a whole answer.
func Malformed() Step {
	return Raw(http.StatusOK, `{"id": "chatcmpl-1", "choices": [{"message": {"content": "{\"repl`)
}

// Truncated promises more bytes than come before the connection ends.
func Truncated() Step {
	return func(x *exchange) {
		x.w.Header().Set("Content-Length", "4000")
		_, _ = io.WriteString(x.w, `{"id": "chatcmpl-1", "choi`)
		_ = http.NewResponseController(x.w).Flush()
		x.cutOff()
	}
}

// HangUp ends the connection in the place of an answer.
func HangUp() Step { return func(x *exchange) { x.cutOff() } }

// Hang never answers.
func Hang() Step { return func(x *exchange) { <-x.gone() } }

// Drip sends a byte now and then, and is never done.
func Drip() Step { return func(x *exchange) { x.flood(" ", 5*time.Millisecond, x.w) } }

// Endless sends as fast as it can, and is never done.
func Endless() Step {
	return func(x *exchange) {
		x.flood(`{"choices": [{"message": {"content": "`+strings.Repeat("9", 32<<10), 0, x.w)
	}
}

// Bomb is endless, but a thousandth of it on the wire: the rest is unpacked by who
// reads it.
func Bomb() Step {
	return func(x *exchange) {
		x.w.Header().Set("Content-Encoding", "gzip")
		packed := gzip.NewWriter(x.w)
		x.flood(strings.Repeat(" ", 1<<20), 0, packed)
	}
}

// Redirect sends elsewhere, with the status that keeps method and body.
func Redirect(to string) Step {
	return func(x *exchange) {
		x.w.Header().Set("Location", to)
		x.w.WriteHeader(http.StatusTemporaryRedirect)
	}
}

// Garbage is no HTTP at all, with what makes a terminal do things.
func Garbage() Step {
	return func(x *exchange) {
		conn, _, err := http.NewResponseController(x.w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\x1b]0;owned\x07\x1b[2J broken header\r\n\r\n")
	}
}

// gone is closed when who asked has gone, or the test is over.
func (x *exchange) gone() <-chan struct{} {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		select {
		case <-x.r.Context().Done():
		case <-x.server.over:
		}
	}()
	return gone
}

// wait reports whether somebody still waits for an answer after a while.
func (x *exchange) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-x.gone():
		return false
	}
}

// flood writes the same again and again until nobody reads it.
func (x *exchange) flood(text string, every time.Duration, to io.Writer) {
	x.w.Header().Set("Content-Type", "application/json")
	for x.wait(every) {
		if _, err := io.WriteString(to, text); err != nil {
			return
		}
		if packed, is := to.(*gzip.Writer); is && packed.Flush() != nil {
			return
		}
		if http.NewResponseController(x.w).Flush() != nil {
			return
		}
	}
}

// cutOff ends the connection at once.
func (x *exchange) cutOff() {
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	conn.Close()
}

// write sends one body of JSON.
func (x *exchange) write(status int, body []byte) {
	x.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	x.w.WriteHeader(status)
	_, _ = io.Copy(x.w, bytes.NewReader(body))
}

// Tokens is how many a text counts for: one for every four bytes begun.
func Tokens(text string) int { return (len(text) + 3) / 4 }

// busyWords are what a protocol says with 429 and 503.
func busyWords(p Protocol, status int, model string) (message, kind, code string) {
	switch {
	case p == Ollama:
		return "server busy, please try again.  maximum pending requests exceeded", "api_error", ""
	case status == http.StatusTooManyRequests:
		return fmt.Sprintf("Rate limit reached for %s in organization org-1 on requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 20s.", model), "requests", "rate_limit_exceeded"
	}
	return "The engine is currently overloaded, please try again later", "server_error", ""
}
