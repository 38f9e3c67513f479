package advised

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"time"

	"github.com/flyball-io/flyball/scale"
)

const (
	// mostTimeout bounds how long somebody may think, and mostAge how long an
	// answer may be used: what was seen an hour ago says nothing of now.
	mostTimeout, mostAge = 10 * time.Minute, time.Hour
	// mostTimes bounds what is foretold.
	mostTimes = 1000
)

// Validate reports every fault but those within the base.
func (c Config) Validate() error {
	var errs []error
	if c.Base.Kind == "" {
		errs = append(errs, errors.New("base: needs exactly one policy"))
	}
	if err := c.Service.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("service.%w", err))
	}
	for _, err := range c.Advisor.faults() {
		errs = append(errs, fmt.Errorf("advisor.%w", err))
	}
	return errors.Join(errs...)
}

// faults are those of who is asked, with the fields they are in.
func (a Advisor) faults() []error {
	var errs []error
	fault := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	set := 0
	for _, is := range []bool{a.Gemini != nil, a.OpenAI != nil, a.Simulated != nil} {
		if is {
			set++
		}
	}
	fault(set > 1, "gemini: at most one of gemini, openai and simulated may be set, got %d", set)
	fault(a.Question != Replicas && a.Question != Thresholds, "question: must be %s or %s, got %q", Replicas, Thresholds, a.Question)
	fault(a.Every <= 0, "every: must be above 0, got %v", a.Every)
	fault(a.Timeout <= 0 || a.Timeout.Std() > mostTimeout, "timeout: must be above 0 and at most %v, got %v", scale.Duration(mostTimeout), a.Timeout)
	fault(a.MaxAge <= 0 || a.MaxAge.Std() > mostAge, "maxAge: must be above 0 and at most %v, got %v", scale.Duration(mostAge), a.MaxAge)
	fault(a.MaxAge > 0 && a.Timeout >= a.MaxAge, "timeout: must be below maxAge (%v), or an answer may have expired when it comes, got %v", a.MaxAge, a.Timeout)
	fault(!(a.RPM >= 0) || math.IsInf(a.RPM, 1), "rpm: must not be negative, got %v", a.RPM)
	fault(!(a.Temperature >= 0 && a.Temperature <= 2), "temperature: must be between 0 and 2, got %v", a.Temperature)
	if a.Gemini != nil {
		fault(!address(a.Gemini.URL), "gemini.url: must begin with http:// or https://, name a host and hold no user or password")
	}
	if a.OpenAI != nil {
		fault(!address(a.OpenAI.URL), "openai.url: must begin with http:// or https://, name a host and hold no user or password, for example http://127.0.0.1:11434/v1")
	}
	if a.Simulated != nil {
		errs = append(errs, a.Simulated.faults()...)
	}
	return append(errs, a.Budget.faults()...)
}

// address reports whether a text is empty or the address of a server. What is
// wrong with it is not quoted: it might hold a password.
func address(text string) bool {
	u, err := url.Parse(text)
	return text == "" || err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil
}

func (b Budget) faults() []error {
	var errs []error
	for _, f := range []struct {
		name  string
		value float64
	}{{"tokensPerDay", float64(b.TokensPerDay)}, {"moneyPerDay", b.MoneyPerDay}, {"inputPrice", b.InputPrice}, {"outputPrice", b.OutputPrice}} {
		if !(f.value >= 0) || math.IsInf(f.value, 1) {
			errs = append(errs, fmt.Errorf("budget.%s: must not be negative, got %v", f.name, f.value))
		}
	}
	if b.MoneyPerDay > 0 && b.InputPrice == 0 && b.OutputPrice == 0 {
		errs = append(errs, errors.New("budget.moneyPerDay: needs inputPrice or outputPrice, or nobody knows what was spent"))
	}
	return errs
}
