package queueing

import "math"

// AllenCunneen approximates the mean wait of a queue whose arrivals and services
// are not exponential: that of M/M/c times (c²ₐ + c²ₛ)/2, the squared
// coefficients of variation of the times between arrivals and of the services.
func AllenCunneen(q MMc, arrivals, services float64) float64 {
	return q.MeanWait() * (arrivals + services) / 2
}

// Sakasegawa is the factor ρ^(√(2(c+1))−1) / (c(1−ρ)) by which the mean service
// time grows into the mean wait of M/M/c, without Erlang's recursion
// (Sakasegawa 1977); infinite from ρ = 1 on.
func Sakasegawa(c int, rho float64) float64 {
	if rho >= 1 || c <= 0 {
		return math.Inf(1)
	}
	return math.Pow(rho, math.Sqrt(2*float64(c+1))-1) / (float64(c) * (1 - rho))
}

// SharingResponse is the mean response time of a request that needs x seconds
// alone, on a processor shared equally by all (M/G/1-PS): x/(1−ρ), whatever the
// law of services. Infinite from ρ = 1 on.
func SharingResponse(x, rho float64) float64 {
	if rho >= 1 {
		return math.Inf(1)
	}
	return x / (1 - rho)
}
