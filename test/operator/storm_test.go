//go:build linux

package operator

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Somebody changes the object all the time, so that orders meet a newer one than
// was read: each count is set once, and no other. Then each order is answered by
// 409: that is told, and the count is set when it can be.
func TestStormsOfConflicts(t *testing.T) {
	c := installWhatShips(t)
	wire := c.wired(t)
	c.operate(t, asShipped)
	s := c.site(t, 45)
	s.reaches(t, 5)

	ctx, calm := context.WithCancel(t.Context())
	defer calm()
	var storm sync.WaitGroup
	storm.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"storm":"%d"}}}`, n)
			_, _ = c.Client.AppsV1().Deployments(c.namespace).Patch(ctx, "web", types.MergePatchType, patch, meta.PatchOptions{})
		}
	})
	slowest := time.Duration(0)
	for _, n := range []int32{7, 3, 9, 2, 6, 4} {
		s.load(int64(10*n) - 5)
		slowest = max(slowest, s.reaches(t, n))
	}
	calm()
	storm.Wait()
	t.Logf("%d conflicts during 6 orders", wire.Answered(http.StatusConflict))
	recovered(t, "a storm of changes: the slowest of 6 counts", slowest)
	if wire.Answered(http.StatusConflict) == 0 {
		t.Error("no order met a conflict: the test shows nothing")
	}
	s.only(t, 1, 5, 7, 3, 9, 2, 6, 4)

	wire.Answer(func(out http.ResponseWriter, in *http.Request) bool {
		if in.Method != http.MethodPut || !strings.HasSuffix(in.URL.Path, "/scale") {
			return false
		}
		out.Header().Set("Content-Type", "application/json")
		out.WriteHeader(http.StatusConflict)
		fmt.Fprint(out, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Conflict","code":409,"message":"the object has been modified"}`)
		return true
	})
	s.load(85)
	c.says(t, "web", condition("AbleToScale"), "False FailedUpdateScale")
	told(t, c, "web", "FailedRescale")
	s.keeps(t, 4, 2*time.Second)
	wire.Answer(nil)
	recovered(t, "nothing but conflicts for some seconds", s.reaches(t, 9))
	s.only(t, 1, 5, 7, 3, 9, 2, 6, 4, 9)
	c.says(t, "web", condition("AbleToScale"), "True ")
}
