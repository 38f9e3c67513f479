package builtin

import (
	"testing"
	"time"
)

func TestBudgetIsAShareOfTheLastTenSeconds(t *testing.T) {
	b := &budget{share: 0.2, began: epoch()}
	for range 1000 {
		b.request(at(time.Second))
	}
	if got := granted(b, at(2*time.Second)); got != 200 {
		t.Errorf("after 1000 requests: %d retries, want 200", got)
	}
	if got := granted(b, at(5*time.Second)); got != 0 {
		t.Errorf("with the budget used: %d retries, want 0", got)
	}
	// The requests of second 1 are forgotten at 11, the retries of second 2 at 12.
	if got := granted(b, at(12*time.Second)); got != budgetMinimum {
		t.Errorf("later without requests: %d retries, want the minimum %d", got, budgetMinimum)
	}
}

func TestBudgetOfZeroGrantsNothing(t *testing.T) {
	b := &budget{share: 0, began: epoch()}
	b.request(epoch())
	if got := granted(b, epoch()); got != 0 {
		t.Errorf("got %d retries, want 0", got)
	}
}

func TestBudgetSurvivesTimeGoingBack(t *testing.T) {
	b := &budget{share: 1, began: epoch()}
	b.request(at(time.Hour))
	b.request(at(time.Minute))
	if got := granted(b, at(time.Hour)); got != budgetMinimum {
		t.Errorf("got %d retries, want %d", got, budgetMinimum)
	}
}

func granted(b *budget, now time.Time) int {
	n := 0
	for b.retry(now) {
		n++
	}
	return n
}
