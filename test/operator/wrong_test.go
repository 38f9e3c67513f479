//go:build linux

package operator

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

// A Prometheus that is wrong in every way it can be, while the load falls: the
// count stays, what is wrong is told, and with the first right answer all goes on.
func TestAPrometheusThatIsWrong(t *testing.T) {
	c := installWhatShips(t)
	c.operate(t, asShipped)
	s := c.site(t, 45)
	s.reaches(t, 5)
	vector := func(values ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			results := ""
			for i, v := range values {
				if i > 0 {
					results += ","
				}
				results += fmt.Sprintf(`{"metric":{"n":"%d"},"value":[%d,%q]}`, i, time.Now().Unix(), v)
			}
			answers(w, "vector", results)
		}
	}
	for _, tc := range []struct {
		how, says string
		answer    http.HandlerFunc
	}{
		{"garbage", "", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>it works</html>") }},
		{"error 500", "500", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "out of memory", http.StatusInternalServerError)
		}},
		{"an invalid query", "parse error", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"status":"error","errorType":"bad_data","error":"parse error: unclosed left parenthesis"}`)
		}},
		{"no series", "", vector()},
		{"two series", "", vector("12", "13")},
		{"NaN", "", vector("NaN")},
		{"below zero", "", vector("-12")},
		{"slow: no answer within its second", "", func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-time.After(3 * time.Second):
				vector("12")(w, r)
			}
		}},
	} {
		t.Run(tc.how, func(t *testing.T) {
			s.load(12) // for 2, if anybody could know
			s.prometheus.wrong.Store(&tc.answer)
			c.says(t, "web", condition("DataFresh"), "False ")
			if tc.says != "" {
				c.says(t, "web", condition("DataFresh"), tc.says)
			}
			s.keeps(t, 5, 2*time.Second)
			s.load(45)
			s.prometheus.wrong.Store(nil)
			began := time.Now()
			c.says(t, "web", condition("DataFresh"), "True Fresh")
			recovered(t, "Prometheus, "+tc.how, time.Since(began))
		})
	}
	told(t, c, "web", "DataLost")
	told(t, c, "web", "DataBack")
	s.only(t, 1, 5)
	s.load(12)
	recovered(t, "Prometheus right again, until the count follows the load", s.reaches(t, 2))
	s.only(t, 1, 5, 2)
}
