package schedule

import (
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // a machine or image without time zones knows them all the same

	"github.com/robfig/cron/v3"
)

// calendar says when a window opens.
//
// The cron expression is evaluated on a clock without daylight saving time,
// the wall clock of the zone written as UTC, and each opening is then turned
// into an instant. That keeps the rules for the two odd nights in one place:
//
//	clock put forward   02:00 ─► 03:00   an opening at 02:30 does not exist: it opens at 03:00
//	clock put back      02:00 ─► 01:00   an opening at 01:30 comes twice: it opens the first time;
//	                                     with * for the hour it opens both times
//
// A window stays open for its duration in real time.
type calendar struct {
	cron      *cron.SpecSchedule
	everyHour bool
	zone      *time.Location
	duration  time.Duration
}

// slack is more than any clock is put forward or back.
const slack = 3 * time.Hour

func newCalendar(w Window) (calendar, error) {
	spec, err := parseCron(w.Cron)
	if err != nil {
		return calendar{}, err
	}
	zone, err := location(w.TimeZone)
	if err != nil {
		return calendar{}, err
	}
	const star = 1 << 63 // how the parser marks a field of *
	return calendar{cron: spec, everyHour: spec.Hour&star != 0, zone: zone, duration: w.Duration.Std()}, nil
}

// parseCron reads five fields or a name like @daily.
func parseCron(text string) (*cron.SpecSchedule, error) {
	if strings.HasPrefix(text, "TZ=") || strings.HasPrefix(text, "CRON_TZ=") {
		return nil, fmt.Errorf("the zone belongs into timeZone, got %q", text)
	}
	schedule, err := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("must be five fields (minute hour day month weekday) or one of @hourly, @daily, @weekly, @monthly, @yearly, got %q: %w", text, err)
	}
	spec, ok := schedule.(*cron.SpecSchedule)
	if !ok {
		return nil, fmt.Errorf("@every counts from an unknown start; use five fields, got %q", text)
	}
	spec.Location = time.UTC
	if spec.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, fmt.Errorf("%q never comes", text)
	}
	return spec, nil
}

// location finds a zone. "Local" would mean another thing on each machine.
func location(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	if name == "Local" {
		return nil, errors.New(`must be an IANA name such as Europe/Berlin, got "Local"`)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("must be an IANA name such as Europe/Berlin, got %q", name)
	}
	return zone, nil
}

// open reports whether the window is open: whether an opening lies within
// its duration before at.
func (c calendar) open(at time.Time) bool {
	from := at.Add(-c.duration)
	last := wall(at, c.zone).Add(slack)
	for w := c.cron.Next(wall(from, c.zone).Add(-slack)); !w.IsZero() && !w.After(last); w = c.cron.Next(w) {
		first, second := c.instants(w)
		if within(first, from, at) || (c.everyHour && within(second, from, at)) {
			return true
		}
	}
	return false
}

func within(t, after, upTo time.Time) bool { return t.After(after) && !t.After(upTo) }

// wall is what the clock of a zone shows, written as UTC.
func wall(t time.Time, zone *time.Location) time.Time {
	t = t.In(zone)
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// instants returns when the clock of the zone shows w: once, or twice after it
// was put back; the moment it was put forward when it never does.
func (c calendar) instants(w time.Time) (first, second time.Time) {
	t := time.Date(w.Year(), w.Month(), w.Day(), w.Hour(), w.Minute(), w.Second(), 0, c.zone)
	start, end := t.ZoneBounds()
	switch shown := wall(t, c.zone); {
	case shown.Before(w):
		return end, end
	case shown.After(w):
		return start, start
	}
	if before := w.Add(-offset(start.Add(-1))); !start.IsZero() && before.Before(start) {
		return before, t
	}
	if after := w.Add(-offset(end)); !end.IsZero() && !after.Before(end) {
		return t, after
	}
	return t, t
}

func offset(t time.Time) time.Duration {
	_, seconds := t.Zone()
	return time.Duration(seconds) * time.Second
}
