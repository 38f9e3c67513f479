package rl

import "fmt"

func positive(name string, v float64) error {
	if !(v > 0) {
		return fmt.Errorf("%s: must be above 0, not %v", name, v)
	}
	return nil
}

func notNegative(name string, v float64) error {
	if !(v >= 0) {
		return fmt.Errorf("%s: must be at least 0, not %v", name, v)
	}
	return nil
}

func share(name string, v float64) error {
	if !(v >= 0 && v <= 1) {
		return fmt.Errorf("%s: must be from 0 to 1, not %v", name, v)
	}
	return nil
}

func atLeast(name string, v, least int) error {
	if v < least {
		return fmt.Errorf("%s: must be at least %d, not %d", name, least, v)
	}
	return nil
}
