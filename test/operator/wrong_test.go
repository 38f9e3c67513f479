//go:build linux

package operator

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

// Prometheuses that are wrong in every way they can be, while the load falls: each
// count stays, what is wrong is told, and with the first right answer all goes on.
func TestAPrometheusThatIsWrong(t *testing.T) {
	c := installWhatShips(t)
	c.operate(t, asShipped)
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
	cases := []struct {
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
	}
	sites := make([]*site, len(cases))
	for i := range cases {
		sites[i] = c.siteCalled(t, fmt.Sprintf("web-%d", i), 45)
	}
	for _, s := range sites {
		s.reaches(t, 5)
	}
	for i, s := range sites {
		s.load(12) // for 2, if anybody could know
		s.prometheus.wrong.Store(&cases[i].answer)
	}
	for i, s := range sites {
		c.says(t, s.name, condition("DataFresh"), "False ")
		if says := cases[i].says; says != "" {
			c.says(t, s.name, condition("DataFresh"), says)
		}
	}
	sites[0].keeps(t, 5, 2*time.Second)
	for _, s := range sites {
		s.load(45)
		s.prometheus.wrong.Store(nil)
	}
	began := time.Now()
	for i, s := range sites {
		c.says(t, s.name, condition("DataFresh"), "True Fresh")
		recovered(t, "Prometheus, "+cases[i].how, time.Since(began))
	}
	for _, s := range sites {
		s.only(t, 1, 5)
	}
	last := sites[2]
	told(t, c, last.name, "parse error") // DataLost
	told(t, c, last.name, "DataBack")
	last.load(12)
	recovered(t, "Prometheus right again, until the count follows the load", last.reaches(t, 2))
	last.only(t, 1, 5, 2)
}
