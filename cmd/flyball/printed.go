package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/flyball-io/flyball/internal/cli"
)

func printJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return unprinted(encoder.Encode(v))
}

// printed prints for people, as wide as the screen is, and reports when not all
// of it could be written.
func printed(out io.Writer, print func(w io.Writer, width int)) error {
	var text bytes.Buffer
	print(&text, cli.ScreenWidth(out))
	_, err := out.Write(text.Bytes())
	return unprinted(err)
}

func unprinted(err error) error {
	if err != nil {
		return fmt.Errorf("print what was found: %w", err)
	}
	return nil
}
