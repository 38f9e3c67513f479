package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

// The built page. Its sources are in ui/; `npm ci && npm run build` there
// makes the same bytes again.
//
//go:embed dist
var dist embed.FS

// asset is one file of the page, plain and packed.
type asset struct {
	plain, packed []byte
	contentType   string
	etag          string
}

// assets serves the page's files from memory.
type assets map[string]asset

func newAssets() assets {
	a := assets{}
	err := fs.WalkDir(dist, "dist", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := dist.ReadFile(name)
		if err != nil {
			return err
		}
		a["/"+strings.TrimPrefix(name, "dist/")] = newAsset(name, data)
		return nil
	})
	if err != nil {
		panic(fmt.Sprintf("web: embedded files: %v", err))
	}
	a["/"] = a["/index.html"]
	return a
}

func newAsset(name string, data []byte) asset {
	sum := sha256.Sum256(data)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(data) //nolint:errcheck // a buffer takes everything
	z.Close()     //nolint:errcheck
	return asset{plain: data, packed: packed.Bytes(), contentType: typeOf(name), etag: hex.EncodeToString(sum[:8])}
}

// typeOf does not ask the machine's own table, which may say anything.
func typeOf(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".txt":
		return "text/plain; charset=utf-8"
	default:
		return mime.TypeByExtension(path.Ext(name))
	}
}

// ServeHTTP answers with a file; the browser keeps it and asks whether it is
// still the same.
func (a assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		refuseMethod([]string{"GET", "HEAD"})(w, r)
		return
	}
	file, ok := a[r.URL.Path]
	if !ok {
		refuse(w, http.StatusNotFound, "no %s here", r.URL.Path)
		return
	}
	packed := strings.Contains(r.Header.Get("Accept-Encoding"), "gzip")
	body, etag := file.plain, `"`+file.etag+`"`
	h := w.Header()
	if packed {
		body, etag = file.packed, `"`+file.etag+`-gzip"`
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Type", file.contentType)
	h.Set("ETag", etag)
	if strings.Contains(r.Header.Get("If-None-Match"), etag) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", fmt.Sprint(len(body)))
	if r.Method != http.MethodHead {
		w.Write(body) //nolint:errcheck // the client is gone: nobody to tell
	}
}
