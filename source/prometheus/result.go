package prometheus

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/series"
)

const (
	excerpt     = 200 // bytes of a foreign text in a message
	shownSeries = 3   // of too many
)

// answer is what the API of Prometheus wraps every result in.
type answer struct {
	Status    string   `json:"status"`
	ErrorType string   `json:"errorType"`
	Error     string   `json:"error"`
	Warnings  []string `json:"warnings"`
	Data      struct {
		ResultType string          `json:"resultType"`
		Result     json.RawMessage `json:"result"`
	} `json:"data"`
}

// one is one series of a result: with a value or, of a range, with many.
type one struct {
	Metric     map[string]string `json:"metric"`
	Value      *point            `json:"value"`
	Values     []point           `json:"values"`
	Histogram  json.RawMessage   `json:"histogram"`
	Histograms json.RawMessage   `json:"histograms"` // of a range
}

// point is a pair of time and value: [1700000000.123, "0.5"].
type point struct {
	at    time.Time
	value float64
}

// UnmarshalJSON reads the pair.
func (p *point) UnmarshalJSON(data []byte) error {
	var seconds float64
	var text string
	if err := json.Unmarshal(data, &[2]any{&seconds, &text}); err != nil {
		return err
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return errors.New("value is no number")
	}
	if !(math.Abs(seconds) < 1<<40) {
		return fmt.Errorf("time %v is none", seconds)
	}
	p.at, p.value = timeOf(seconds), value
	return nil
}

func timeOf(seconds float64) time.Time { return time.UnixMilli(int64(math.Round(seconds * 1000))) }

// read takes the result out of what the server answered.
func read(a webclient.Answer) (*answer, error) {
	media, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if media != "application/json" {
		return nil, notTheAPI(a, media)
	}
	var read answer
	err := json.Unmarshal(a.Body, &read)
	switch {
	case err != nil:
		return nil, fmt.Errorf("answered %d with broken JSON: %s", a.Status, webclient.Excerpt(err.Error(), excerpt))
	case read.Status == "error":
		return nil, fmt.Errorf("answered %d: %s: %s", a.Status, webclient.Excerpt(read.ErrorType, excerpt), webclient.Excerpt(a.Redact(read.Error), excerpt))
	case a.Status != http.StatusOK || read.Status != "success":
		return nil, fmt.Errorf("answered %d, and not as the API of Prometheus does", a.Status)
	}
	for _, w := range read.Warnings {
		// Some versions say here what is only a hint.
		if !strings.HasPrefix(w, "PromQL info:") {
			return nil, fmt.Errorf("warned that the result may be incomplete: %s", webclient.Excerpt(a.Redact(w), excerpt))
		}
	}
	return &read, nil
}

// notTheAPI says who else may have answered.
func notTheAPI(a webclient.Answer, media string) error {
	switch {
	case a.Status/100 == 3:
		where := "elsewhere"
		if u, err := webclient.ParseURL(a.Header.Get("Location")); err == nil {
			where = webclient.Place(u)
		}
		return fmt.Errorf("answered %d and points to %s; redirects are not followed, state the address that answers", a.Status, where)
	case a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden:
		return fmt.Errorf("answered %d: the credentials are missing or not accepted", a.Status)
	case media == "text/html":
		return fmt.Errorf("answered %d with a web page, not with the API of Prometheus: a login page, or another address", a.Status)
	}
	return fmt.Errorf("answered %d with %q, not with application/json: %s", a.Status, media, webclient.Excerpt(a.Redact(string(a.Body)), excerpt))
}

// single is the one number that a query was to give.
func (a *answer) single() (point, error) {
	switch a.Data.ResultType {
	case "scalar":
		var p point
		if err := json.Unmarshal(a.Data.Result, &p); err != nil {
			return point{}, fmt.Errorf("broken scalar: %s", webclient.Excerpt(err.Error(), excerpt))
		}
		return plausible(p)
	case "vector":
		all, err := a.series()
		if err != nil {
			return point{}, err
		}
		if len(all) != 1 {
			return point{}, many(all)
		}
		if all[0].Value == nil {
			return point{}, errors.New("the one series is a histogram; take a quantile of it with histogram_quantile(…)")
		}
		return plausible(*all[0].Value)
	default:
		return point{}, fmt.Errorf("the result is a %s, want one number", webclient.Excerpt(a.Data.ResultType, excerpt))
	}
}

func plausible(p point) (point, error) {
	if !series.Finite(p.value) {
		return point{}, fmt.Errorf("the value is %v, which is no number: often a division by a rate of zero, or a quantile of nothing", p.value)
	}
	return p, nil
}

func (a *answer) series() ([]one, error) {
	var all []one
	if err := json.Unmarshal(a.Data.Result, &all); err != nil {
		return nil, fmt.Errorf("broken %s: %s", webclient.Excerpt(a.Data.ResultType, excerpt), webclient.Excerpt(err.Error(), excerpt))
	}
	return all, nil
}

// ErrNoSeries is the answer of a query whose series do not exist, or had no
// value at the time asked for.
var ErrNoSeries = errors.New("the query gives no series")

// many says how many series there are instead of one, and what a few are called.
func many(all []one) error {
	if len(all) == 0 {
		return fmt.Errorf("%w; want exactly one", ErrNoSeries)
	}
	names := make([]string, 0, shownSeries)
	for _, s := range all[:min(len(all), shownSeries)] {
		names = append(names, s.name())
	}
	more := ""
	if len(all) > shownSeries {
		more = ", …"
	}
	return fmt.Errorf("the query gives %d series; want exactly one (sum, avg or max them): %s%s", len(all), strings.Join(names, ", "), more)
}

// name is a series as PromQL writes it.
func (s one) name() string {
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(s.Metric)) {
		if key != "__name__" {
			pairs = append(pairs, key+"="+strconv.Quote(s.Metric[key]))
		}
	}
	return webclient.Excerpt(s.Metric["__name__"]+"{"+strings.Join(pairs, ",")+"}", 100)
}
