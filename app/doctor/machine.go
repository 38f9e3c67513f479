package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/app/leftover"
	proxy "github.com/flyball-io/flyball/balancer/builtin"
	"github.com/flyball-io/flyball/balancer/builtin/remote"
	"github.com/flyball-io/flyball/record/sqlite"
	"github.com/flyball-io/flyball/scale"
)

// Space that a state folder should have: logs of replicas and the record.
const (
	leastSpace  = 64 << 20
	plentySpace = 1 << 30
)

// state sees whether flyball run could write where it must. The folder is not
// made: doctor changes nothing.
func (p *patient) state(context.Context) {
	folder, exists := p.StateDir, true
	if _, err := os.Stat(folder); errors.Is(err, os.ErrNotExist) {
		exists = false
		for ; errors.Is(err, os.ErrNotExist) && filepath.Dir(folder) != folder; _, err = os.Stat(folder) {
			folder = filepath.Dir(folder)
		}
	}
	fix := "choose another with --state-dir, or let this user write there"
	probe, err := os.CreateTemp(folder, ".flyball-doctor-")
	if err != nil {
		p.fail("", fmt.Sprintf("the state folder %s cannot be written to: %s", p.StateDir, reason(err)), fix)
		return
	}
	probe.Close()
	_ = os.Remove(probe.Name()) // it was made a moment ago
	for i := range p.specs {
		if front(&p.specs[i]) == nil {
			continue // no process of ours balances
		}
		if err := remote.CheckSocket(app.Socket(p.StateDir, p.specs[i].Name)); err != nil {
			p.fail(p.specs[i].Name, err.Error(), "choose a shorter --state-dir")
		}
	}
	free, err := freeSpace(folder)
	switch {
	case err != nil:
		p.ok("", p.StateDir+" can be written to")
	case free < leastSpace:
		p.fail("", fmt.Sprintf("%s has only %d MiB left", p.StateDir, free>>20), "make room, or choose another with --state-dir")
	case free < plentySpace:
		p.note("", fmt.Sprintf("%s has %d MiB left; the record may grow to 1 GiB", p.StateDir, free>>20), "make room, or give flyball run a smaller --record-size")
	case !exists:
		p.ok("", p.StateDir+" can be made, with plenty of space")
	default:
		p.ok("", fmt.Sprintf("%s can be written to and has %d GiB left", p.StateDir, free>>30))
	}
}

// leftover names what runs without a controller, or without its document.
func (p *patient) leftover(ctx context.Context) {
	services, err := leftover.List(ctx, p.StateDir, p.Clock)
	if err != nil {
		p.fail("", err.Error(), "choose another with --state-dir, or let this user read it")
		return
	}
	strangers := 0
	for _, s := range services {
		documented := slices.ContainsFunc(p.specs, func(spec app.Spec) bool { return spec.Name == s.Name })
		switch what := fmt.Sprintf("%s and balancer process %d", scale.Count(s.Replicas, "replica"), s.ProxyPID); {
		case s.Damaged != "":
			p.fail(s.Name, s.Damaged, "move the file away; replicas that run are found all the same")
		case s.Unseen != "":
			p.note(s.Name, "its replicas cannot be seen: "+inOneLine(errors.New(s.Unseen)), "start the engine, or name it in DOCKER_HOST, and ask again")
		case s.Controller != "":
			p.ok(s.Name, fmt.Sprintf("%s are looked after by process %s", what, s.Controller))
		case documented:
			p.note(s.Name, what+" run without a controller", "flyball run adopts them; flyball stop "+s.Name+" ends them")
		case len(p.specs) > 0:
			p.note(s.Name, what+" run without a controller, and none of the documents names them", "flyball stop "+s.Name+" --state-dir "+p.StateDir+" ends them")
		default:
			p.note(s.Name, what+" run without a controller", "flyball stop "+s.Name+" --state-dir "+p.StateDir+" ends them, flyball run adopts them")
		}
		strangers++
	}
	if strangers == 0 {
		p.ok("", "nothing runs on in "+p.StateDir)
	}
}

// recordPatience is how long the record may take to be read.
const recordPatience = 20 * time.Second

// record reads the whole record without changing it, also beside a controller
// that writes it.
func (p *patient) record(ctx context.Context) {
	if p.Record == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, recordPatience)
	defer cancel()
	switch found, err := sqlite.Examine(ctx, p.Record); {
	case errors.Is(err, os.ErrNotExist):
		p.ok("", "no record yet: flyball run makes it")
	case errors.Is(err, context.DeadlineExceeded):
		p.note("", p.Record+" is too large to be read within "+recordPatience.String(), "nothing: flyball run repairs what is damaged")
	case err != nil:
		p.fail("", err.Error(), "let this user read it, or choose another --state-dir")
	case found.Damage != "":
		p.fail("", fmt.Sprintf("%s is damaged: %s", p.Record, found.Damage), "start flyball run: it saves what can be read and puts the damaged file aside")
	default:
		p.ok("", fmt.Sprintf("the record is healthy (%d MiB)", (found.Bytes+1<<20-1)>>20))
	}
}

// leastFiles is what the controller needs for itself.
const leastFiles = 1024

// plentyFiles is what a balancer should have whose document asks for no number:
// enough for about 1500 connections.
const plentyFiles = 4 * leastFiles

// wantedFiles is how many files a balancer should be able to open: for each
// connection of a client one to a replica. The default asks for more than the
// limit of most machines; that is worth a word only where the document asks too.
func wantedFiles(cfg *proxy.Config) uint64 {
	if cfg.MaxConnections == proxy.Default().MaxConnections {
		return plentyFiles
	}
	return uint64(2*cfg.MaxConnections + leastFiles)
}

// files compares how many files may be open with what the balancers promise.
func (p *patient) files(context.Context) {
	limit, err := openFiles()
	if err != nil {
		return // this system has no such limit
	}
	for i := range p.specs {
		own := front(&p.specs[i])
		if own == nil {
			continue // what it may open is its own affair
		}
		wanted := wantedFiles(own)
		if limit < wanted {
			p.note(p.specs[i].Name, fmt.Sprintf("%d files may be open, enough for about %d connections; the balancer is told to take %d", limit, max(0, int(limit)-leastFiles)/2, own.MaxConnections),
				fmt.Sprintf("raise it (ulimit -Hn %d, LimitNOFILE in systemd), or lower balancer.builtin.maxConnections", 2*own.MaxConnections+leastFiles))
			return
		}
	}
	if limit < leastFiles {
		p.fail("", fmt.Sprintf("only %d files may be open", limit), fmt.Sprintf("raise it: ulimit -Hn %d, LimitNOFILE in systemd", 1<<16))
		return
	}
	p.ok("", fmt.Sprintf("%d files may be open", limit))
}
