package prometheus

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/internal/webclient"
)

func TestInputsOfAQuery(t *testing.T) {
	for query, want := range map[string][]input{
		`queue_depth`:               {{"queue_depth", 0}},
		`sum(rate(x[1m]))`:          {{"x", time.Minute}},
		`x / y`:                     {{"x", 0}, {"y", 0}},
		`rate(x[1m]) / rate(x[1m])`: {{"x", time.Minute}},
		`max_over_time(rate(x{a="b"}[1m])[10m:15s])`: {{`x{a="b"}`, 11 * time.Minute}},
		`rate(x[5m]) / rate(x[5m] offset 1d)`:        {{"x", 5 * time.Minute}},
		`max_over_time(x[5m:1m] offset 1h)`:          nil,
		`x @ 1700000000`:                             nil,
		`x @ end()`:                                  nil,
		`absent(x)`:                                  nil,
		`vector(1)`:                                  nil,
		`time()`:                                     nil,
		`sum by (job) (x) unless on (job) group_by{job="a"}`:        {{"x", 0}, {`group_by{job="a"}`, 0}},
		`histogram_quantile(0.9, sum by (le) (rate(b_bucket[2m])))`: {{"b_bucket", 2 * time.Minute}},
	} {
		p, err := planOf(query, "")
		if err != nil {
			t.Errorf("%s: %v", query, err)
		}
		if diff := cmp.Diff(want, p.inputs, cmp.AllowUnexported(input{})); diff != "" {
			t.Errorf("%s: -want +got:\n%s", query, diff)
		}
		if (p.newest == "") != (want == nil) {
			t.Errorf("%s: asks %q for its time", query, p.newest)
		}
	}
}

// The oldest of what takes part in a value dates it.
func TestTheOldestInputDates(t *testing.T) {
	p := plan{inputs: []input{{"x", 0}, {"y", time.Minute}}}
	at := time.Unix(1000, 0)
	for _, tc := range []struct {
		rule string
		seen map[string]float64
		want int64 // 0: a fault
	}{
		{"both", map[string]float64{"0": 990, "1": 970}, 970},
		{"one has no series and took no part", map[string]float64{"0": 990}, 990},
		{"none has", nil, 0},
		{"one has ended", map[string]float64{"0": 990, "1": 0}, 0},
		{"of the future", map[string]float64{"0": 1010}, 1000},
	} {
		got, err := p.oldest(tc.seen, at)
		if (err != nil) != (tc.want == 0) || (err == nil && got.Unix() != tc.want) {
			t.Errorf("%s: got %v, %v; want %d", tc.rule, got, err, tc.want)
		}
	}
}

// Whatever a server answers, it becomes a number or an error, and an error of
// bounded length.
func FuzzRead(f *testing.F) {
	f.Add(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1700000000.1,"5"]}]}}`)
	f.Add(`{"status":"success","data":{"resultType":"scalar","result":[1700000000,"NaN"]}}`)
	f.Add(`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"2"],[2,"3"]]}]}}`)
	f.Add(`{"status":"error","errorType":"bad_data","error":"parse error"}`)
	f.Fuzz(func(t *testing.T, body string) {
		header := http.Header{"Content-Type": {"application/json"}}
		a, err := read(webclient.Answer{Status: 200, Header: header, Body: []byte(body), Redact: func(s string) string { return s }})
		if err == nil {
			var p point
			if p, err = a.single(); err == nil && !(p.value-p.value == 0) {
				t.Errorf("got %v", p.value)
			}
			if all, err := a.series(); err == nil {
				many(all)
				for _, s := range all {
					plan{newest: "x"}.date(s.Values, all)
				}
			}
		}
		if err != nil && len(err.Error()) > 2000 {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
	})
}
