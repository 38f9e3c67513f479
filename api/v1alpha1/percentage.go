package v1alpha1

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Percentage is a share, 0..1, written in percent with the sign: "99.9%". The
// sign is required, because a bare 0.999 could mean either.
type Percentage float64

const (
	percentagePattern = `^[0-9]{1,3}(\.[0-9]{1,9})?%$`
	percentageWords   = "a percentage with its sign and at most nine decimals, for example 99.9%"
)

// Share returns p as a number from 0 to 1.
func (p Percentage) Share() float64 { return float64(p) }

// String writes the shortest decimal number of percent: 0.999 is "99.9%".
func (p Percentage) String() string {
	return strconv.FormatFloat(shift(float64(p), 2), 'f', -1, 64) + "%"
}

// shift moves the decimal point. Multiplying would make 99.90000000000001 of 0.999.
func shift(v float64, places int) float64 {
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', -1, 64), "e")
	e, _ := strconv.Atoi(exponent)
	shifted, _ := strconv.ParseFloat(fmt.Sprintf("%se%d", mantissa, e+places), 64)
	return shifted
}

// ParsePercentage reads a number of percent with its sign.
func ParsePercentage(text string) (Percentage, error) {
	if !regexp.MustCompile(percentagePattern).MatchString(text) {
		return 0, fmt.Errorf("must be %s, got %q", percentageWords, text)
	}
	percent, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	if err != nil {
		return 0, fmt.Errorf("percentage %q: %w", text, err)
	}
	return Percentage(shift(percent, -2)), nil
}

// MarshalJSON writes the percentage with its sign.
func (p Percentage) MarshalJSON() ([]byte, error) { return json.Marshal(p.String()) }

// UnmarshalJSON reads a percentage with its sign.
func (p *Percentage) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("must be %s, got %s", percentageWords, data)
	}
	v, err := ParsePercentage(text)
	if err != nil {
		return err
	}
	*p = v
	return nil
}
