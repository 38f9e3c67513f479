// Package observability runs Flyball under load beside a real Prometheus, and asks
// it what dashboards and alerts ask: a query that nobody has seen answered is a
// guess.
package observability
