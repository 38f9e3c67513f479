package queueing

import (
	"errors"
	"fmt"
	"math"
)

// ErrInfeasible is returned when no number of servers keeps a promise: the
// service alone takes too long.
var ErrInfeasible = errors.New("infeasible")

// Fewest is the fewest servers with which at most a share of the requests takes
// longer than threshold seconds, in M/M/c. A rate of 0 needs none. It returns
// [ErrInfeasible] when the services alone break the promise.
func Fewest(arrivalRate, serviceRate, threshold, share float64) (int, error) {
	if alone := math.Exp(-serviceRate * threshold); alone > share {
		return 0, fmt.Errorf("%.3g %% of the services alone take longer than %v s, %.3g %% may: %w", alone*100, threshold, share*100, ErrInfeasible)
	}
	if arrivalRate <= 0 {
		return 0, nil
	}
	kept := func(c int) bool {
		return MMc{Servers: c, ArrivalRate: arrivalRate, ServiceRate: serviceRate}.ResponseTail(threshold) <= share
	}
	return fewest(int(arrivalRate/serviceRate), kept), nil
}
