//go:build !linux

package discover

func listeners() ([]Listener, error) { return nil, ErrUnsupported }
