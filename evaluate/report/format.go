package report

import (
	"fmt"
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

// largest is the change up to which one is written in percent: beyond ten times
// as much they say less than a multiple.
const largest = 9.0

// change writes by which share there is more of something: 31 % less, 136 %
// more, and ×15 from ten times as much on.
func change(share float64) string {
	switch {
	case math.IsNaN(share):
		return unknown
	case share > largest:
		return "×" + number(1+share)
	case wholePercent(share) == 0:
		return "0" + space + "%"
	case share < 0:
		return plainPercent(share) + " less"
	default:
		return plainPercent(share) + " more"
	}
}

// changeBetween writes a change and the ends of its interval in one unit, so that
// they can be read together.
func changeBetween(value, low, high float64) (text, interval string) {
	switch {
	case math.IsNaN(low) || math.IsNaN(high):
		return change(value), unknown
	case math.IsInf(low, 0) || math.IsInf(high, 0):
		return change(value), "unbounded"
	}
	if max(value, high) > largest {
		return "×" + number(1+value), fmt.Sprintf("×%s … ×%s", number(1+low), number(1+high))
	}
	switch {
	case wholePercent(low) > 0:
		return change(value), plainPercent(low) + " … " + change(high)
	case wholePercent(high) < 0:
		return change(value), plainPercent(high) + " … " + change(low)
	default:
		return change(value), change(low) + " … " + change(high)
	}
}

// wholePercent is a share in percent, with one decimal where it is small.
func wholePercent(share float64) float64 {
	if math.Abs(share) < 0.1 {
		return math.Round(share*1000) / 10
	}
	return math.Round(share * 100)
}

func plainPercent(share float64) string { return number(math.Abs(wholePercent(share))) + space + "%" }

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
