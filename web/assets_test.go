package web_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/web"
)

func TestAssetsArePackedAndKept(t *testing.T) {
	handler := web.New(web.Options{Bus: memory.New(), Clock: clock.System}).Handler()
	ask := func(path string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	plain := ask("/app.js")
	packed := ask("/app.js", "Accept-Encoding", "gzip, br")
	if packed.Header().Get("Content-Encoding") != "gzip" || packed.Body.Len() > plain.Body.Len()/2 {
		t.Errorf("packed: %q, %d of %d bytes", packed.Header().Get("Content-Encoding"), packed.Body.Len(), plain.Body.Len())
	}
	unpacked, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(unpacked); err != nil || !bytes.Equal(body, plain.Body.Bytes()) {
		t.Errorf("unpacked differs: %v", err)
	}
	if plain.Header().Get("ETag") == packed.Header().Get("ETag") {
		t.Error("plain and packed bytes share an ETag")
	}
	again := ask("/app.js", "If-None-Match", plain.Header().Get("ETag"))
	if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("asked again: %d with %d bytes, want 304", again.Code, again.Body.Len())
	}
	for path, want := range map[string]string{
		"/": "text/html", "/index.html": "text/html", "/app.js": "text/javascript", "/app.css": "text/css", "/favicon.svg": "image/svg+xml", "/licenses.txt": "text/plain",
	} {
		if w := ask(path); w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), want) {
			t.Errorf("%s: %d %s, want %s", path, w.Code, w.Header().Get("Content-Type"), want)
		}
	}
}

func TestPageIsSmallAndAsksNobodyElse(t *testing.T) {
	files, err := filepath.Glob("dist/*")
	if err != nil || len(files) < 4 {
		t.Fatalf("dist: %v %v", files, err)
	}
	total := 0
	address := regexp.MustCompile(`https?://[a-zA-Z0-9.-]+`)
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		total += len(data)
		for _, found := range address.FindAllString(string(data), -1) {
			if found != "http://www.w3.org" { // the name of a namespace, never asked
				t.Errorf("%s names %s", name, found)
			}
		}
	}
	if total > 300_000 {
		t.Errorf("the page has %d bytes, at most 300000", total)
	}
}

func TestLockFileNamesNoRegistry(t *testing.T) {
	data, err := os.ReadFile("ui/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), `"resolved"`) || !strings.Contains(string(data), `"integrity"`) {
		t.Error("want integrity and no resolved addresses: omit-lockfile-registry-resolved in ui/.npmrc")
	}
}

// TestBuildIsOfTheseSources finds a forgotten `npm run build`.
func TestBuildIsOfTheseSources(t *testing.T) {
	want, err := os.ReadFile("ui/built.sha256")
	if err != nil {
		t.Fatal(err)
	}
	if got := fingerprint(t); got != strings.TrimSpace(string(want)) {
		t.Errorf("dist was built of other sources (%s, want %s): run `npm ci && npm run build` in web/ui", got, want)
	}
}

// fingerprint sums the sources as ui/build.mjs does.
func fingerprint(t *testing.T) string {
	t.Helper()
	names := []string{"build.mjs", "package-lock.json", "package.json", "tsconfig.json"}
	for _, folder := range []string{"src", "static"} {
		entries, err := os.ReadDir(filepath.Join("ui", folder))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, folder+"/"+e.Name())
		}
	}
	slices.Sort(names)
	sum := sha256.New()
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join("ui", name))
		if err != nil {
			t.Fatal(err)
		}
		sum.Write([]byte(name + "\x00"))
		sum.Write(data)
		sum.Write([]byte{0})
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// TestColoursCanBeRead holds every text colour against what it stands on to
// the AA level of WCAG 2, 4.5 to 1.
func TestColoursCanBeRead(t *testing.T) {
	style, err := os.ReadFile("ui/src/style.css")
	if err != nil {
		t.Fatal(err)
	}
	light, dark, found := strings.Cut(string(style), "@media (prefers-color-scheme: dark)")
	if !found {
		t.Fatal("no dark colours")
	}
	for name, text := range map[string]string{"light": light, "dark": dark[:strings.Index(dark, "* {")]} {
		colours := colours(text)
		for _, pair := range []string{
			"ink panel", "ink page", "muted panel", "muted page", "accent panel", "warning panel", "warning page",
			"ink accent-back", "muted accent-back", "accent accent-back", "ink warning-back", "warning warning-back", "panel ink",
		} {
			front, back, _ := strings.Cut(pair, " ")
			if c := contrast(colours[front], colours[back]); c < 4.5 {
				t.Errorf("%s: %s on %s has a contrast of %.2f, want 4.5", name, front, back, c)
			}
		}
	}
}

// colours returns the luminance of each variable.
func colours(style string) map[string]float64 {
	found := map[string]float64{}
	for _, m := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6});`).FindAllStringSubmatch(style, -1) {
		luminance := 0.0
		for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
			n, _ := strconv.ParseUint(m[2][2*i:2*i+2], 16, 8)
			c := float64(n) / 255
			if c <= 0.04045 {
				c /= 12.92
			} else {
				c = math.Pow((c+0.055)/1.055, 2.4)
			}
			luminance += weight * c
		}
		found[m[1]] = luminance
	}
	return found
}

func contrast(a, b float64) float64 { return (max(a, b) + 0.05) / (min(a, b) + 0.05) }
