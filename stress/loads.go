package stress

import (
	"errors"
	"fmt"
	"strings"
	"sync"
)

// CPU keeps as many workers busy as are given.
type CPU struct{ Workers int }

// Memory holds so many megabytes (2²⁰ bytes each) in /dev/shm, which is memory
// that counts as the replica's own.
type Memory struct{ Megabytes int }

// Validate reports what is wrong.
func (c CPU) Validate() error {
	if c.Workers < 1 || c.Workers > 256 {
		return fmt.Errorf("workers: must be 1 to 256, got %d", c.Workers)
	}
	return nil
}

// Validate reports what is wrong.
func (m Memory) Validate() error {
	if m.Megabytes < 1 {
		return errors.New("mb: must be at least 1")
	}
	return nil
}

func (c CPU) String() string    { return fmt.Sprintf("%d workers of CPU", c.Workers) }
func (m Memory) String() string { return fmt.Sprintf("%d MB of memory", m.Megabytes) }

// lasts waits for the end of the input or of the time, whichever comes first,
// then ends and awaits all that was started: an orphan would stay as a zombie in
// a container whose first process awaits none. $all are processes to end.
const lasts = `
exec 3<&0
sleep SECONDS </dev/null & sleeper=$!
(read -r _ <&3; kill $sleeper 2>/dev/null) & all="$all $!"
wait $sleeper
`

// begins has everything ended with the shell, and the shell when it is told.
const begins = `all=; sleeper=; f=
trap 'kill $all $sleeper 2>/dev/null; wait; [ -z "$f" ] || rm -f "$f"' EXIT
trap 'exit 0' TERM INT HUP
`

// A worker asks with each turn whether the shell that started it is there, so
// that none is left where the shell was killed.
func (c CPU) script(seconds int) string {
	return fill(begins+`n=0; while [ $n -lt WORKERS ]; do
  (while kill -0 $$ 2>/dev/null; do :; done) </dev/null & all="$all $!"
  n=$((n+1))
done`+lasts, "WORKERS", c.Workers, "SECONDS", seconds)
}

// /dev/shm is as large as the container's runtime made it (64 MB by default):
// what does not fit is left out, and a megabyte is left for others.
func (m Memory) script(seconds int) string {
	return fill(begins+`mb=MEGABYTES
free=$(df -k /dev/shm 2>/dev/null | awk 'END {print int($4/1024) - 1}')
if [ -n "$free" ] && [ "$free" -lt "$mb" ]; then mb=$free; fi
if [ "$mb" -lt 1 ]; then echo "/dev/shm has no room"; exit 1; fi
f=/dev/shm/flyball-stress.$$
dd if=/dev/zero of="$f" bs=1048576 count="$mb" 2>/dev/null || { echo "/dev/shm cannot be written"; exit 1; }
echo "holds $mb MB of MEGABYTES"`+lasts, "MEGABYTES", m.Megabytes, "SECONDS", seconds)
}

func fill(script string, pairs ...any) string {
	words := make([]string, len(pairs))
	for i, p := range pairs {
		words[i] = fmt.Sprint(p)
	}
	return strings.NewReplacer(words...).Replace(script)
}

// tail keeps the end of what a program says.
type tail struct {
	mu   sync.Mutex // guards text
	text []byte
}

const tailBytes = 2048

// Write keeps the last of it.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-tailBytes):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}

// with is an error and what was said before it.
func (t *tail) with(err error) string {
	if said := t.String(); said != "" {
		return said + ": " + err.Error()
	}
	return err.Error()
}
