package evaluate

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/flyball-io/flyball/queueing"
)

// keptName is the file of finished plays, one JSON object a line. Lines are only
// ever added; one that was cut off in the middle of writing is not read.
const keptName = "runs.jsonl"

// keptFormat changes when what is kept means something else.
const keptFormat = 1

// keeper keeps finished plays on disk. Without a file it keeps nothing.
type keeper struct {
	found map[string]outcome
	mu    sync.Mutex // guards the file
	file  *os.File
}

type keptLine struct {
	Key string `json:"key"`
	outcome
}

// openKeeper reads what a folder keeps and appends to it from then on.
func openKeeper(dir string) (*keeper, error) {
	k := &keeper{found: map[string]outcome{}}
	if dir == "" {
		return k, nil
	}
	f, err := os.OpenFile(filepath.Join(dir, keptName), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	k.file = f
	whole, err := k.read(f)
	if err == nil && !whole {
		_, err = f.Write([]byte("\n"))
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return k, nil
}

// read takes over the lines, and reports whether the last one is whole.
func (k *keeper) read(r io.Reader) (whole bool, err error) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return len(line) == 0, nil
		}
		if err != nil {
			return false, err
		}
		var kept keptLine
		if json.Unmarshal(bytes.TrimSpace(line), &kept) == nil && kept.finished() {
			k.found[kept.Key] = kept.outcome
		}
	}
}

// keep adds a play.
func (k *keeper) keep(key string, o outcome) error {
	if k.file == nil {
		return nil
	}
	line, err := json.Marshal(keptLine{key, o})
	if err != nil {
		return fmt.Errorf("keep a run: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	_, err = k.file.Write(append(line, '\n'))
	return err
}

func (k *keeper) close() {
	if k.file != nil {
		k.file.Close()
	}
}

// program tells this very program from any other build, those without a version
// of their own included. It is empty where the program cannot be read.
func program() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}

// key is what tells a play from all others: all that it follows from.
func (g *ground) key(version string, t *task) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d %q %s %d %d %q %v", keptFormat, version, g.digest(), t.seed, t.schedule, t.who.Name(), t.who.Knob)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// digestCase is what a case follows from. The load is told by the requests
// expected each second.
func digestCase(c Case) string {
	s := c.Scenario
	h := sha256.New()
	fmt.Fprintf(h, "%q %v %q %v %v %v %v\n", c.Trace, c.Fluid, s.Name, s.Warmup, s.Gaps, s.Sync, s.Start.UnixNano())
	fmt.Fprintf(h, "%+v\n%+v\n%+v\n%+v\n%+v\n", s.Replicas, s.Client, s.Metrics, s.Faults, s.Objective)
	fmt.Fprintln(h, serviceKey(s.Service), s.Length(), s.Step)
	for t := time.Duration(0); t <= s.Length(); t += time.Second {
		fmt.Fprintf(h, "%x\n", s.Load.Expected(t))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// serviceKey is what a service follows from.
func serviceKey(s queueing.Service) string {
	key := fmt.Sprintf("%s %x %x %d %v %v", s.Law, s.Law.Mean(), s.Law.CV(), s.Slots, s.Sharing, s.Topology)
	for p := 0.005; p < 1; p += 0.01 {
		key += fmt.Sprintf(" %x", s.Law.Quantile(p))
	}
	return key
}
