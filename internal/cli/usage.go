// Package cli holds what the commands share.
package cli

// UsageError marks an error that the user can mend by changing the command
// line or a file named on it. The program then exits with status 2, after any
// other error with 1.
type UsageError struct{ Err error }

func (e UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the error itself.
func (e UsageError) Unwrap() error { return e.Err }
