package web

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strings"
)

// packedFrom is the size from which an answer is worth to be packed: a list of
// a thousand targets shrinks from two megabytes to less than a tenth.
const packedFrom = 8 << 10 // bytes

// packer marks an answer that may be packed, see respond.
type packer struct{ http.ResponseWriter }

// Unwrap is for http.ResponseController.
func (p *packer) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// pack lets the API pack its answers for clients that can unpack them. The
// stream is none of them: it would be held back.
func pack(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") && r.URL.Path != "/api/v1/stream" && takesGzip(r) {
			w = &packer{w}
		}
		next.ServeHTTP(w, r)
	})
}

// takesGzip reads "gzip, br;q=0.5" and the like; a q of 0 is a no.
func takesGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, quality, _ := strings.Cut(coding, ";")
		if strings.TrimSpace(name) == "gzip" {
			return strings.Trim(strings.TrimPrefix(strings.TrimSpace(quality), "q="), "0.") != "" || quality == ""
		}
	}
	return false
}

// packed returns the bytes to send, and says so in the header when they are
// packed.
func packed(w http.ResponseWriter, data []byte) []byte {
	if _, may := w.(*packer); !may || len(data) < packedFrom {
		return data
	}
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		return data
	}
	z.Write(data) //nolint:errcheck // a buffer takes everything
	z.Close()     //nolint:errcheck
	w.Header().Set("Content-Encoding", "gzip")
	w.Header().Set("Vary", "Accept-Encoding")
	return out.Bytes()
}
