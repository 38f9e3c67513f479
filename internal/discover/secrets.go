package discover

import (
	"regexp"
	"slices"
)

// secretName is what flags and variables with secrets are usually called.
// "key" alone is a part of too many words, and so is "token" (--max-tokens,
// --tokenizer).
var secretName = regexp.MustCompile(`(?i)passw|token([^a-z]|$)|secret|credential|api_?-?key|private_?-?key|key=|_key$`)

// secretURL holds a password: postgres://shop:hush@db/shop.
var secretURL = regexp.MustCompile(`://[^/@\s]*:[^/@\s]+@`)

// SecretArguments reports whether an argument of the command looks like a
// secret, or like the flag before one.
func (d Document) SecretArguments() bool {
	return slices.ContainsFunc(d.Command[min(1, len(d.Command)):], func(word string) bool {
		return secretName.MatchString(word) || secretURL.MatchString(word)
	})
}

// SecretVariables are those whose name says that they hold a secret.
func (d Document) SecretVariables() []string {
	return slices.DeleteFunc(slices.Clone(d.Variables), func(name string) bool { return !secretName.MatchString(name) })
}
