// Package advised plays advisors of all qualities, by the policy advised, in the
// simulator: what the worst cost beside the base alone, and what good ones are
// worth. docs/advisor.md shows the tables.
package advised
