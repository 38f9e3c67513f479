package training

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/filelock"
)

// claimFile says who trains in a folder. It is never removed: two trainings could
// then lock different ones.
const claimFile = "training.lock"

const (
	claimedBy = "process "
	claimFree = "free\n"
)

// ErrInUse is what a training or comparison is refused with in the folder of another that is at
// work: each would write over the checkpoints of the other.
var ErrInUse = errors.New("another training or comparison is at work there")

// Claim keeps other trainings, also those of other processes, out of a folder. The
// system gives it back however its holder ends.
type Claim struct{ file *os.File }

// ClaimIfThere claims a folder in which somebody has trained before; of another
// it leaves nothing behind and returns nil.
func ClaimIfThere(dir string) (*Claim, error) {
	return claim(dir, os.O_RDWR)
}

// NewClaim claims a folder, which is made if it is not there.
func NewClaim(dir string) (*Claim, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	return claim(dir, os.O_RDWR|os.O_CREATE)
}

func claim(dir string, how int) (_ *Claim, err error) {
	path := filepath.Join(dir, claimFile)
	file, err := os.OpenFile(path, how, 0o644)
	if errors.Is(err, os.ErrNotExist) && how&os.O_CREATE == 0 {
		return nil, nil //nolint:nilnil // nobody has trained there: there is nothing to claim yet
	}
	if err != nil {
		return nil, err
	}
	if err := filelock.Lock(file); err != nil {
		held := holder(file)
		file.Close()
		if errors.Is(err, filelock.ErrLocked) {
			return nil, fmt.Errorf("%s: %w: %s; wait for it or stop it, or choose another folder", dir, ErrInUse, held)
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	c := &Claim{file}
	if err := c.say(fmt.Sprintf("%s%d since %s\n", claimedBy, os.Getpid(), clock.System.Now().UTC().Format(time.RFC3339))); err != nil {
		file.Close()
		return nil, err
	}
	return c, nil
}

// holder is who has a claim, in the words of that process.
func holder(file *os.File) string {
	text, _ := io.ReadAll(io.NewSectionReader(file, 0, 200))
	if line, _, whole := strings.Cut(string(text), "\n"); whole && strings.HasPrefix(line, claimedBy) {
		return line
	}
	return "another process"
}

// say replaces the text without giving its space away first: a disk may be full.
func (c *Claim) say(text string) error {
	if _, err := c.file.WriteAt([]byte(text), 0); err != nil {
		return err
	}
	return c.file.Truncate(int64(len(text)))
}

// Release lets others train there. A nil Claim holds nothing.
func (c *Claim) Release() {
	if c == nil {
		return
	}
	_ = c.say(claimFree) // else the next one knows by the lock
	c.file.Close()
}
