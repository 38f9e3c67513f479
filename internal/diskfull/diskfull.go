// Package diskfull tells want of space on a disk from other errors: the one
// that is worth waiting for, and that must not stop what needs no disk.
package diskfull
