package scale

// Mode says what becomes of decisions.
type Mode string

// Modes of an autoscaler.
const (
	Apply     Mode = "Apply"
	Recommend Mode = "Recommend" // decided and shown, never applied
	Paused    Mode = "Paused"    // decided and shown, never applied, until resumed
)
