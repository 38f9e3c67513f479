//go:build race

package e2e

// buildFlags make the program under test look for races too.
func buildFlags() []string { return []string{"-race"} }
