package chart

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// check reports values that the chart's schema does not take, each with its
// path.
func check(chart string, values Values) error {
	text, err := charts.ReadFile(path.Join(chart, "values.schema.json"))
	if err != nil {
		return err
	}
	raw, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("values.schema.json", raw); err != nil {
		return err
	}
	schema, err := compiler.Compile("values.schema.json")
	if err != nil {
		return err
	}
	plain, err := json.Marshal(values) // as YAML has whole numbers that JSON has not
	if err != nil {
		return err
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(plain))
	if err != nil {
		return err
	}
	var wrong *jsonschema.ValidationError
	if err := schema.Validate(document); errors.As(err, &wrong) {
		return fmt.Errorf("values: %w", errors.Join(causes(wrong)...))
	} else if err != nil {
		return err
	}
	return nil
}

// causes are the leaves of what is wrong.
func causes(wrong *jsonschema.ValidationError) []error {
	if len(wrong.Causes) == 0 {
		words := wrong.ErrorKind.LocalizedString(message.NewPrinter(language.English))
		return []error{fmt.Errorf("%s: %s", strings.Join(wrong.InstanceLocation, "."), words)}
	}
	var all []error
	for _, c := range wrong.Causes {
		all = append(all, causes(c)...)
	}
	return all
}
