package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"
)

// FlagError puts the error of a flag into words that say what is allowed.
func FlagError(err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return UsageError{err}
	}
	flag := invalid.GetFlag()
	if words := allowed(flag.Value.Type()); words != "" {
		return UsageError{fmt.Errorf("--%s: must be %s, got %q", flag.Name, words, invalid.GetValue())}
	}
	return UsageError{fmt.Errorf("--%s: %w", flag.Name, errors.Unwrap(invalid))}
}

// allowed says what a flag of a type takes; "" where its own error does.
func allowed(kind string) string {
	switch kind {
	case "float64":
		return "a number"
	case "int":
		return "a whole number"
	case "uint64":
		return "a whole number of 0 or more"
	case "bool":
		return "true or false"
	}
	return ""
}
