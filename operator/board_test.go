package operator

import (
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// Changes are told while objects are replaced by newer ones (with -race).
func TestAChangeIsToldWhileItsObjectIsReplaced(t *testing.T) {
	b, told := newBoard(clock.System), 0
	b.scaled = func(o *unstructured.Unstructured, _ record.Applied, _ string) { told += len(o.GetName()) }
	doc := func(n int64) *document {
		return &document{key: key("shop", "web"), object: applied(t, "shop", "web", shop("web"), generation(n))}
	}
	b.know(doc(1))
	var writing sync.WaitGroup
	writing.Go(func() {
		for n := range int64(100) {
			b.know(doc(n))
		}
	})
	const changes = 100
	for i := range changes {
		at := time.Unix(int64(i), 0)
		b.applied(record.Applied{Target: "shop.web", At: at, From: 1, To: 2})
		b.decided(record.Decided{Decision: scale.Decision{Target: "shop.web", At: at}})
	}
	writing.Wait()
	if want := changes * len("web"); told != want {
		t.Errorf("%d changes were told, want %d", told/len("web"), changes)
	}
}

// The API server takes 1 KiB of text, and nothing that is no text.
func TestALongMessageIsCutBetweenCharacters(t *testing.T) {
	for _, message := range []string{"x" + strings.Repeat("ä", 600), strings.Repeat("ä", 600)} {
		if got := short(message); len(got) > 1024 || !utf8.ValidString(got) {
			t.Errorf("got %d bytes, valid %v: …%q", len(got), utf8.ValidString(got), got[len(got)-12:])
		}
	}
}
