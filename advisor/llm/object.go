package llm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// mostAnswer bounds the text of an answer in bytes; one as it is asked for takes
// a few hundred.
const mostAnswer = 8 << 10

// sane are the numbers that are read at all. Others (1e308, or one of a thousand
// digits) are refused before anybody reckons with them.
var sane = regexp.MustCompile(`^-?[0-9]{1,12}(\.[0-9]{1,20})?([eE][+-]?[0-9])?$`)

// object reads the one flat JSON object that a text must be. Models that are not
// held to a schema like to put a fence around it, as they would in a chat: that
// alone is taken off.
func object(text string) (map[string]any, error) {
	switch {
	case len(text) > mostAnswer:
		return nil, fmt.Errorf("%d bytes, at most %d are read", len(text), mostAnswer)
	case !utf8.ValidString(text):
		return nil, errors.New("not UTF-8")
	}
	text = unfenced(strings.TrimSpace(text))
	if text == "" {
		return nil, errors.New("empty")
	}
	if text[0] != '{' {
		return nil, fmt.Errorf("must be one JSON object, begins with %q", excerpt(text, 20))
	}
	if err := json.Unmarshal([]byte(text), new(json.RawMessage)); err != nil {
		return nil, fmt.Errorf("no valid JSON: %s", excerpt(err.Error(), 100))
	}
	return fields(text)
}

// unfenced takes off one code fence around the whole text.
//
//	```json
//	{…}
//	```
func unfenced(text string) string {
	const fence = "```"
	inner, found := strings.CutPrefix(text, fence)
	inner, closed := strings.CutSuffix(inner, fence)
	if !found || !closed {
		return text
	}
	return strings.TrimSpace(strings.TrimPrefix(inner, "json"))
}

// fields are those of a valid JSON object. A key that is there twice is a fault,
// for readers differ in which of the two they take; so is a value with parts of
// its own.
func fields(text string) (map[string]any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	all := map[string]any{}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		value, err := d.Token()
		if err != nil {
			return nil, err
		}
		name := key.(string) // a valid object has no others
		if _, twice := all[name]; twice {
			return nil, fmt.Errorf("%q is given twice", excerpt(name, 40))
		}
		switch v := value.(type) {
		case json.Delim:
			return nil, fmt.Errorf("%q: must be one value, has parts", excerpt(name, 40))
		case json.Number:
			if !sane.MatchString(v.String()) {
				return nil, fmt.Errorf("%q: no number of this size or length is read: %s", excerpt(name, 40), excerpt(v.String(), 40))
			}
		}
		all[name] = value
	}
	return all, nil
}

// schemaOf compiles a schema that ships with the program.
func schemaOf(raw []byte) *jsonschema.Schema {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	must(err)
	c := jsonschema.NewCompiler()
	must(c.AddResource("answer.json", document))
	s, err := c.Compile("answer.json")
	must(err)
	return s
}

var english = message.NewPrinter(language.English)

// conforms checks an answer and returns the first fault in a line.
func conforms(s *jsonschema.Schema, answer map[string]any) error {
	err := s.Validate(answer)
	var fault *jsonschema.ValidationError
	if !errors.As(err, &fault) {
		return err
	}
	for len(fault.Causes) > 0 {
		fault = fault.Causes[0]
	}
	words := excerpt(fault.ErrorKind.LocalizedString(english), 120)
	if len(fault.InstanceLocation) > 0 {
		words = excerpt(strings.Join(fault.InstanceLocation, "/"), 40) + ": " + words
	}
	return errors.New(words)
}

// excerpt is the beginning of a foreign text for a message.
func excerpt(text string, most int) string {
	text = line(text)
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
