// Package e2e drives the real program with real processes, real load and a
// real browser, and holds what only shows there: that scaling loses no
// request, that what dies is replaced or found again, that bad input starts
// nothing, and that nothing stays behind.
package e2e
