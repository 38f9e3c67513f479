package probe

import (
	"encoding/pem"
	"net/http/httptest"

	"github.com/flyball-io/flyball/internal/webclient"
)

type secret = webclient.Secret

// pemOf is the certificate of a server.
func pemOf(s *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}
