package strict

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// isChoice is true for an object that chooses one of several plug-ins; its
// title is the word for one.
func isChoice(at *jsonschema.Schema) bool {
	return at != nil && at.Title != "" && at.OneOf != nil
}

// kinds are the plug-ins that a choice is among.
func kinds(at *jsonschema.Schema) []string {
	var names []string
	for _, one := range at.OneOf {
		names = append(names, one.Required...)
	}
	return names
}

// beside reports whether a field stands beside the plug-in that is chosen.
func beside(at *jsonschema.Schema, name string) bool {
	_, known := at.Properties[name]
	return known && !slices.Contains(kinds(at), name)
}

// unknown says which fields there are.
func unknown(at *jsonschema.Schema, name string) string {
	allowed := fields(at)
	if !isChoice(at) {
		return "unknown field; allowed: " + list(allowed) + meant(name, allowed)
	}
	return fmt.Sprintf("unknown %s; known: %s%s", at.Title, list(allowed), meant(name, slices.Sorted(maps.Keys(at.Properties))))
}

// fields lists the properties of an object; for a plug-in the kinds, without
// the fields that stand beside them.
func fields(at *jsonschema.Schema) []string {
	if at == nil {
		return nil
	}
	if isChoice(at) {
		return kinds(at)
	}
	return slices.Sorted(maps.Keys(at.Properties))
}

func list(names []string) string {
	if len(names) == 0 {
		return "none in this version"
	}
	return strings.Join(names, ", ")
}

// sentence puts one fault into words.
func (c *check) sentence(k jsonschema.ErrorKind, at *jsonschema.Schema, value any) string {
	switch k := k.(type) {
	case *kind.Type:
		return c.wrongType(k, at, value)
	case *kind.Pattern:
		return fmt.Sprintf("must be %s, got %s", c.patternWords(k.Want), Words(value))
	case *kind.Enum:
		return oneOf(k.Want, value)
	case *kind.Const:
		return fmt.Sprintf("must be %s, got %s", Words(k.Want), Words(value))
	case *kind.Format:
		return fmt.Sprintf("must be %s, got %s", formatWords(k.Want), Words(value))
	case *kind.MinProperties:
		return fmt.Sprintf("needs at least %d fields, got %d", k.Want, k.Got)
	case *kind.MaxProperties:
		return fmt.Sprintf("allows at most %d fields, got %d", k.Want, k.Got)
	}
	if text := limit(k); text != "" {
		return fmt.Sprintf("must %s, got %s", text, Words(value))
	}
	return k.LocalizedString(message.NewPrinter(language.English))
}

// limit is the rule of a kind that compares with a number.
func limit(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Minimum:
		return "be at least " + k.Want.RatString()
	case *kind.Maximum:
		return "be at most " + k.Want.RatString()
	case *kind.ExclusiveMinimum:
		return "be above " + k.Want.RatString()
	case *kind.ExclusiveMaximum:
		return "be below " + k.Want.RatString()
	case *kind.MultipleOf:
		return "be a multiple of " + k.Want.RatString()
	case *kind.MinLength:
		if k.Want == 1 {
			return "not be empty"
		}
		return fmt.Sprintf("have at least %d characters", k.Want)
	case *kind.MaxLength:
		return fmt.Sprintf("have at most %d characters", k.Want)
	case *kind.MinItems:
		return fmt.Sprintf("have at least %d items", k.Want)
	case *kind.MaxItems:
		return fmt.Sprintf("have at most %d items", k.Want)
	}
	return ""
}

func (c *check) wrongType(k *kind.Type, at *jsonschema.Schema, value any) string {
	if at != nil && at.Enum != nil {
		return oneOf(at.Enum.Values, value)
	}
	want := make([]string, len(k.Want))
	for i, name := range k.Want {
		want[i] = typeWords(name)
	}
	text := strings.Join(want, " or ")
	if at != nil && at.Pattern != nil && slices.Contains(k.Want, "string") {
		text = c.patternWords(at.Pattern.String())
	}
	return fmt.Sprintf("must be %s, got %s%s", text, Words(value), typeHint(k, at, value))
}

func typeHint(k *kind.Type, at *jsonschema.Schema, value any) string {
	wantsText := slices.Contains(k.Want, "string")
	switch v := value.(type) {
	case nil:
		if slices.Contains(k.Want, "object") && at != nil && len(at.Required) == 0 && !isChoice(at) {
			return "; write {} for the defaults"
		}
	case json.Number, bool:
		if wantsText && (at == nil || at.Pattern == nil) {
			return "; write it in quotes"
		}
	case string:
		// NaN and Inf are no numbers of a document, with or without quotes.
		if f, err := strconv.ParseFloat(v, 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) && !wantsText {
			return "; write it without quotes"
		}
	}
	return ""
}

func (c *check) patternWords(pattern string) string {
	if p, ok := c.schema.patterns[pattern]; ok {
		return p.Words
	}
	return "text that matches " + pattern
}

func formatWords(format string) string {
	if format == "date-time" {
		return "a time with a zone such as 2026-01-31T08:00:00Z"
	}
	return "a valid " + format
}

func typeWords(name string) string {
	switch name {
	case "integer":
		return "a whole number"
	case "boolean":
		return "true or false"
	case "array":
		return "a list"
	case "object":
		return "an object"
	case "null":
		return "nothing"
	default:
		return "a " + name
	}
}

// Words shows a value on one line of bearable length.
func Words(value any) string {
	switch v := value.(type) {
	case nil:
		return "nothing"
	case map[string]any:
		return "an object"
	case []any:
		return fmt.Sprintf("a list of %d", len(v))
	case json.Number:
		quoted := strconv.Quote(shortened(v.String()))
		return quoted[1 : len(quoted)-1]
	case string:
		return strconv.Quote(shortened(v))
	default:
		return fmt.Sprint(v)
	}
}

func shortened(text string) string {
	if runes := []rune(text); len(runes) > 60 {
		return string(runes[:60]) + "…"
	}
	return text
}

func oneOf(want []any, value any) string {
	names := make([]string, len(want))
	for i, w := range want {
		names[i] = fmt.Sprint(w)
	}
	text, _ := value.(string)
	return fmt.Sprintf("must be one of %s, got %s%s", list(names), Words(value), meant(text, names))
}

// notOne says that a choice was left out or made more than once; nothing when
// one was made that does not exist, which is a fault of its own.
func notOne(at *jsonschema.Schema, value any) string {
	object, _ := value.(map[string]any)
	chosen := slices.DeleteFunc(slices.Sorted(maps.Keys(object)), func(n string) bool { return beside(at, n) })
	switch len(chosen) {
	case 0:
		return fmt.Sprintf("needs exactly one %s; known: %s", at.Title, list(kinds(at)))
	case 1:
		return ""
	default:
		return fmt.Sprintf("needs exactly one %s, got %s", at.Title, list(chosen))
	}
}
