package modelserver

import (
	"fmt"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/flyball-io/flyball/advisor"
	"github.com/flyball-io/flyball/internal/boundedfile"
)

// mostKey bounds a file with a key.
const mostKey = 16 << 10

// Key is where the key of a server is: in a file, else in a variable of the
// environment. It is read for each question, so that a rotated one is used at once.
type Key struct {
	File, Variable string
	Getenv         func(string) string
	// Owner is whom the variable's key is for where another one is asked, which does
	// not get it: whoever may write a document could have it sent anywhere. "": it is
	// for whom is asked.
	Owner string
}

// From says where it is, for messages.
func (k Key) From() string {
	if k.File != "" {
		return "keyFile " + k.File
	}
	return k.Variable
}

// Missing says what to do where there is none.
func (k Key) Missing() string {
	if k.Owner != "" {
		return fmt.Sprintf("%s is for %s alone, so this url needs a keyFile of its own", k.Variable, k.Owner)
	}
	return "set " + k.Variable + ", or keyFile"
}

// Same reports whether an address is the one that is asked.
func Same(asked *url.URL, text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == asked.Scheme && strings.EqualFold(u.Host, asked.Host) &&
		strings.TrimRight(u.EscapedPath(), "/") == strings.TrimRight(asked.EscapedPath(), "/")
}

// Read returns the key, "" where the variable is not set or has another's. An error
// is [advisor.ErrRefused] and does not hold the key.
func (k Key) Read() (string, error) {
	switch {
	case k.File == "" && k.Owner != "":
		return "", nil
	case k.File == "":
		return k.usable(k.Getenv(k.Variable))
	}
	content, err := boundedfile.Read(k.File, mostKey)
	if err != nil {
		return "", fmt.Errorf("%w: keyFile: %w", advisor.ErrRefused, err)
	}
	if len(strings.TrimSpace(string(content))) == 0 {
		return "", fmt.Errorf("%w: keyFile: %s is empty", advisor.ErrRefused, k.File)
	}
	return k.usable(string(content))
}

func (k Key) usable(text string) (string, error) {
	text = strings.TrimSpace(text)
	if !httpguts.ValidHeaderFieldValue(text) || strings.ContainsFunc(text, func(r rune) bool { return r > '~' }) {
		return "", fmt.Errorf("%w: %s: must hold one line with a key", advisor.ErrRefused, k.From())
	}
	return text, nil
}
