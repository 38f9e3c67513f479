package scaling

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// Digest is a SHA-256 of everything about the workloads that learning on them depends
// on: other ones, or the same in another order, have another.
func Digest(workloads []*Workload) ([sha256.Size]byte, error) {
	h := sha256.New()
	for _, w := range workloads {
		l := w.law
		fmt.Fprintf(h, "%q %v %v %v %v %v %v %v %v %v %v %v %v %v %v\n", w.Family, w.topology, w.first, w.seconds, w.startup, w.startupCV, w.drain,
			w.least, w.most, w.allowed, w.window, l.carried, l.late, l.intrinsic, l.threshold)
		if err := binary.Write(h, binary.LittleEndian, w.moments); err != nil {
			return [sha256.Size]byte{}, fmt.Errorf("digest of workload %s: %w", w.Scenario.Name, err)
		}
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}
