// Package envelope plays advisors that mean harm, or know nothing, behind an
// envelope in the simulator: what they cost by the model, which is promised, and
// what they really cost, beside the expert alone.
package envelope
