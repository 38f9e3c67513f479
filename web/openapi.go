package web

import (
	_ "embed" // the document
	"net/http"
)

// The document is written by the tests from the routes and the types of their
// answers; `go generate` writes it anew.
//
//go:generate go test . -run IsTheGeneratedOne -update
//go:embed openapi.json
var document []byte

func serveDocument(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache")
	w.Write(document) //nolint:errcheck // the client is gone: nobody to tell
}
