package gym

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"

	"github.com/flyball-io/flyball/rl"
)

// Kinds of frames. A frame is its length after the length itself (uint32, as all
// numbers little-endian), its kind and its payload.
const (
	kindOpen    = 'o' // client: JSON
	kindReset   = 'r' // client: nothing, or a seed of 8 bytes
	kindAct     = 'a' // client: int32 for each copy, for one round after the other
	kindWelcome = 'w' // server: JSON
	kindStep    = 's' // server: a step for each round
	kindError   = 'e' // server: JSON; what was asked was not done
)

// mostPayload bounds a frame in either direction.
const mostPayload = 64 << 20

// mostOpening bounds the first frame, of which nothing is known.
const mostOpening = 1 << 20

// readFrame reads a frame of at most so many bytes into buffer, which grows with
// what has really come.
func readFrame(r *bufio.Reader, buffer []byte, most int) (kind byte, payload []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := int(binary.LittleEndian.Uint32(head[:]))
	if n < 1 || n-1 > most {
		return 0, nil, fmt.Errorf("a frame may have 1 to %d bytes, got %d", most+1, n)
	}
	n--
	payload = buffer[:0]
	for len(payload) < n {
		const chunk = 1 << 20
		from := len(payload)
		payload = append(payload, make([]byte, min(chunk, n-from))...)
		if _, err := io.ReadFull(r, payload[from:]); err != nil {
			return 0, nil, err
		}
	}
	return head[4], payload, nil
}

// writeFrame writes a frame of parts.
func writeFrame(w *bufio.Writer, kind byte, payload []byte) error {
	var head [5]byte
	binary.LittleEndian.PutUint32(head[:], uint32(len(payload)+1))
	head[4] = kind
	if _, err := w.Write(head[:]); err != nil {
		return err
	}
	if _, err := w.Write(payload); err != nil {
		return err
	}
	return w.Flush()
}

func writeJSON(w *bufio.Writer, kind byte, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return writeFrame(w, kind, data)
}

// stepBytes is how long a step is on the wire.
func stepBytes(env rl.Environment) int {
	return env.Copies() * copyBytes(env.Width(), env.Actions())
}

// copyBytes is the part of one copy: two observations, a reward, two ends and a mask.
func copyBytes(width, actions int) int { return 8*width + 4 + 2 + actions }

// appendStep writes a step: observations, final observations and rewards as
// float32, then terminated, truncated and allowed as bytes of 0 or 1.
func appendStep(out []byte, s *rl.Step) []byte {
	for _, numbers := range [][]float32{s.Observations, s.Final, s.Rewards} {
		for _, x := range numbers {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(x))
		}
	}
	for _, flags := range [][]bool{s.Terminated, s.Truncated, s.Allowed} {
		for _, b := range flags {
			if b {
				out = append(out, 1)
			} else {
				out = append(out, 0)
			}
		}
	}
	return out
}
