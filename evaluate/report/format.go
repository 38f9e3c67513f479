package report

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// space keeps a number and its unit on one line.
const space = "\u00a0"

// unknown stands for a number that isn't there.
const unknown = "–"

// write gives a value with its unit. An exact zero is "0"; what is not a number
// is a dash.
func (u Unit) write(v float64, currency string) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return unknown
	}
	switch u {
	case Seconds:
		return seconds(v)
	case Share:
		return percent(v)
	case Percentage:
		return percent(v / 100)
	case ReplicaHours:
		return number(v) + space + "h"
	case ReplicaSeconds:
		return number(v) + space + "s"
	case Money:
		return currency + grouped(v, 2)
	case Multiple:
		return multiple(v)
	default:
		return number(v)
	}
}

// number writes three significant digits, or all that are before the point.
func number(v float64) string {
	if v == 0 {
		return "0"
	}
	whole := 1 + int(math.Floor(math.Log10(math.Abs(v))))
	text := grouped(v, min(max(0, 3-whole), 6))
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// grouped writes thousands apart: 1,204.50.
func grouped(v float64, decimals int) string {
	text := strconv.FormatFloat(math.Abs(v), 'f', decimals, 64)
	whole, fraction, _ := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction != "" {
		whole += "." + fraction
	}
	if v < 0 && strings.Trim(text, "0.") != "" {
		return "−" + whole
	}
	return whole
}

// percent writes a share: 0.00012 is 0.012 %.
func percent(share float64) string {
	if math.IsNaN(share) {
		return unknown
	}
	return number(share*100) + space + "%"
}

// change writes an improvement: +31 %, −4.2 %, and ×15 where there is 15 times
// as much of what should be little.
func change(share float64) string {
	if share < -1 {
		return "×" + number(1-share)
	}
	p := math.Round(share * 100)
	if math.Abs(share) < 0.1 {
		p = math.Round(share*1000) / 10
	}
	sign := ""
	if p > 0 {
		sign = "+"
	}
	return sign + number(p) + space + "%"
}

func multiple(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return unknown
	}
	return grouped(v, 2) + space + "×"
}

// seconds writes a time in the unit that fits it.
func seconds(s float64) string {
	switch a := math.Abs(s); {
	case math.IsNaN(s):
		return unknown
	case a == 0:
		return "0" + space + "s"
	case a < 1:
		return number(s*1000) + space + "ms"
	case a < 120:
		return number(s) + space + "s"
	case a < 3600:
		return number(s/60) + space + "min"
	default:
		return number(s/3600) + space + "h"
	}
}

func span(d time.Duration) string { return seconds(d.Seconds()) }

// plural writes "1 trace", "12 traces".
func plural(n int, one string) string {
	text := grouped(float64(n), 0) + space + one
	if n != 1 {
		text += "s"
	}
	return text
}
