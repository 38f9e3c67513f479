package queueing_test

import (
	"encoding/csv"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/flyball-io/flyball/queueing"
)

var update = flag.Bool("update", false, "simulate testdata/loads.csv anew; takes a quarter of an hour")

const loadsFile = "testdata/loads.csv"

// shares are what may violate avoidably, in the order of the columns of
// testdata/loads.csv.
var shares = []float64{1e-4, 1e-3, 1e-2, 1e-1}

// cell is one row of testdata/loads.csv: the loads at which a simulation finds
// those shares, NaN above 99 % and below 2 %. The mean service is 1 s.
type cell struct {
	topology  queueing.Topology
	slots     int
	cv        float64
	replicas  int
	threshold float64
	loads     [4]float64
}

func (c cell) service() queueing.Service {
	law := queueing.Lognormal(1, c.cv)
	if c.cv == 1 {
		law = queueing.Exponential(1)
	}
	return queueing.Service{Law: law, Slots: c.slots, Topology: c.topology}
}

func (c cell) String() string {
	return fmt.Sprintf("%s slots=%d cv=%v threshold=%v replicas=%d", c.topology, c.slots, c.cv, c.threshold, c.replicas)
}

// simulate looks for the loads from 99 % downwards.
func simulate(c cell, thresholds []float64, requests int) []cell {
	var odds []float64
	var seen [][]float64
	for o := 99.0; o > 0.02; o /= math.Sqrt2 {
		rate := o / (1 + o) * float64(c.replicas*c.slots)
		if probe := newWorld(c.service(), c.replicas, 7).run(rate, requests/20, thresholds...); slices.Min(probe.avoidable) > 0.3 {
			continue
		}
		got := newWorld(c.service(), c.replicas, 7).run(rate, requests, thresholds...).avoidable
		odds, seen = append(odds, o), append(seen, got)
		if slices.Max(got) < 5e-5 {
			break
		}
	}
	var cells []cell
	for k, threshold := range thresholds {
		c.threshold = threshold
		for j, share := range shares {
			c.loads[j] = math.NaN()
			for i := 1; i < len(odds); i++ {
				high, low := seen[i-1][k], max(seen[i][k], 1e-6)
				if high > share && low <= share {
					along := math.Log(share/low) / math.Log(high/low)
					o := odds[i] * math.Pow(odds[i-1]/odds[i], along)
					c.loads[j] = o / (1 + o)
				}
			}
		}
		cells = append(cells, c)
	}
	return cells
}

// TestUpdateLoads writes the table when asked to.
func TestUpdateLoads(t *testing.T) {
	if !*update {
		return
	}
	f, err := os.Create(loadsFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fmt.Fprintln(f, "topology,slots,cv,replicas,threshold,load_0.0001,load_0.001,load_0.01,load_0.1")
	for _, cv := range []float64{0, 0.5, 1, 2} {
		for _, topology := range []queueing.Topology{queueing.LeastConn, queueing.PowerOfTwo, queueing.RoundRobin, queueing.Central} {
			for _, slots := range []int{1, 4, 16} {
				for _, replicas := range []int{1, 2, 4, 8, 16, 32, 64} {
					thresholds := []float64{6.25}
					if replicas == 4 || replicas == 32 {
						thresholds = []float64{3, 6.25, 12}
					}
					if replicas == 1 && topology != queueing.Central {
						continue // one line
					}
					for _, c := range simulate(cell{topology: topology, slots: slots, cv: cv, replicas: replicas}, thresholds, 800_000) {
						fmt.Fprintf(f, "%s,%d,%v,%d,%v", c.topology, c.slots, c.cv, c.replicas, c.threshold)
						for _, load := range c.loads {
							if math.IsNaN(load) {
								fmt.Fprint(f, ",")
							} else {
								fmt.Fprintf(f, ",%.4f", load)
							}
						}
						fmt.Fprintln(f)
					}
				}
			}
		}
	}
}

func readLoads(t *testing.T) (cells []cell) {
	f, err := os.Open(loadsFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		var c cell
		if err := c.topology.UnmarshalText([]byte(row[0])); err != nil {
			t.Fatal(err)
		}
		c.slots, _ = strconv.Atoi(row[1])
		c.cv, _ = strconv.ParseFloat(row[2], 64)
		c.replicas, _ = strconv.Atoi(row[3])
		c.threshold, _ = strconv.ParseFloat(row[4], 64)
		for j := range c.loads {
			if c.loads[j], err = strconv.ParseFloat(row[5+j], 64); err != nil {
				c.loads[j] = math.NaN()
			}
		}
		cells = append(cells, c)
	}
	return cells
}

// difference is how many replicas more than the simulation needs the model asks
// for, at the load that the simulation carries with them.
type difference struct {
	cell
	share float64
	more  int
}

// tolerated is ±1 replica or ±3 %, whichever is more.
func (d difference) tolerated() bool {
	return math.Abs(float64(d.more)) <= max(1, math.Round(0.03*float64(d.replicas)))
}

func differences(t *testing.T) (all []difference) {
	type key struct {
		topology  queueing.Topology
		slots     int
		cv        float64
		threshold float64
	}
	demand := map[key]func(rate, share float64) int{}
	for _, c := range readLoads(t) {
		k := key{c.topology, c.slots, c.cv, c.threshold}
		if demand[k] == nil {
			demand[k] = queueing.DemandOf(c.service(), c.threshold)
		}
		for j, load := range c.loads {
			if !math.IsNaN(load) {
				all = append(all, difference{c, shares[j], demand[k](load*float64(c.replicas*c.slots), shares[j]) - c.replicas})
			}
		}
	}
	return all
}

// The demand is that of the simulation within 1 replica or 3 % nearly
// everywhere, by topology and variation of the services: slots of 1, 4 and 16,
// 1 to 64 replicas, thresholds of 3 to 12 mean services, shares of 10⁻⁴ to 10⁻¹.
func TestDemandAgreesWithSimulation(t *testing.T) {
	type group struct {
		topology queueing.Topology
		cv       float64
	}
	type found struct{ cells, within, few, many int }
	groups := map[group]*found{}
	for _, d := range differences(t) {
		g := group{d.topology, d.cv}
		if groups[g] == nil {
			groups[g] = &found{}
		}
		f := groups[g]
		f.cells++
		f.few, f.many = min(f.few, d.more), max(f.many, d.more)
		if d.tolerated() {
			f.within++
		} else if testing.Verbose() {
			t.Logf("%v, share %v: %+d replicas", d.cell, d.share, d.more)
		}
	}
	for _, want := range []struct {
		group
		within    float64 // share of the cells, at least
		few, many int     // replicas at worst
	}{
		{group{queueing.LeastConn, 0}, 1.0, 0, 1},
		{group{queueing.LeastConn, 0.5}, 1.0, 0, 1},
		{group{queueing.LeastConn, 1}, 0.99, 0, 2},
		{group{queueing.LeastConn, 2}, 1.0, 0, 2},
		{group{queueing.PowerOfTwo, 0}, 0.95, 0, 3},
		{group{queueing.PowerOfTwo, 0.5}, 0.95, 0, 6},
		{group{queueing.PowerOfTwo, 1}, 0.98, -2, 1},
		{group{queueing.PowerOfTwo, 2}, 0.94, -1, 4},
		{group{queueing.RoundRobin, 0}, 0.92, 0, 7},
		{group{queueing.RoundRobin, 0.5}, 0.94, 0, 4},
		{group{queueing.RoundRobin, 1}, 0.99, 0, 2},
		{group{queueing.RoundRobin, 2}, 0.85, -6, 4},
		{group{queueing.Central, 0}, 1.0, 0, 1},
		{group{queueing.Central, 0.5}, 1.0, 0, 1},
		{group{queueing.Central, 1}, 1.0, 0, 1},
		{group{queueing.Central, 2}, 0.97, 0, 2},
	} {
		f := groups[want.group]
		t.Logf("%-10v cv %-3v: %d of %d cells within 1 replica or 3 %%, %+d … %+d at worst", want.topology, want.cv, f.within, f.cells, f.few, f.many)
		if float64(f.within) < want.within*float64(f.cells) || f.few < want.few || f.many > want.many {
			t.Errorf("want %v %% of the cells and %+d … %+d", 100*want.within, want.few, want.many)
		}
	}
}

// The table is what the simulator says: some of its cells anew, with fewer
// requests.
func TestLoadsAreThoseOfTheSimulation(t *testing.T) {
	for _, c := range readLoads(t) {
		if c.slots != 4 || c.replicas != 8 || c.cv != 0.5 && c.cv != 1 {
			continue
		}
		again := simulate(c, []float64{c.threshold}, 60_000)[0]
		for j := 1; j < len(shares); j++ {
			if got, want := again.loads[j], c.loads[j]; math.Abs(got-want) > 0.05*want {
				t.Errorf("%v: %v violate at a load of %.3f, the table says %.3f", c, shares[j], got, want)
			}
		}
	}
}

// Mean and quantiles of the response times are those of the simulation within
// 11 %; the worst are the 99th percentiles of two choices.
func TestResponsesAgreeWithSimulation(t *testing.T) {
	names := [4]string{"mean", "p50", "p95", "p99"}
	for _, topology := range []queueing.Topology{queueing.LeastConn, queueing.PowerOfTwo, queueing.RoundRobin, queueing.Random, queueing.Central} {
		for _, slots := range []int{1, 4} {
			for _, cv := range []float64{0.5, 1} {
				s := cell{topology: topology, slots: slots, cv: cv}.service()
				model := queueing.ResponseOf(s, 6.25)
				for _, rho := range []float64{0.6, 0.85} {
					const replicas = 10
					w := newWorld(s, replicas, 3)
					w.keep = true
					seen := w.run(rho*float64(replicas*slots), 150_000).responses
					slices.Sort(seen)
					sum := 0.0
					for _, r := range seen {
						sum += r
					}
					n := len(seen)
					want, got := [4]float64{sum / float64(n), seen[n/2], seen[n*95/100], seen[n*99/100]}, model(replicas, rho)
					for k, name := range names {
						if math.Abs(got[k]/want[k]-1) > 0.11 {
							t.Errorf("%v, %d slots, cv %v, load %v: %s of %.3f, simulated %.3f (%+.0f %%)", topology, slots, cv, rho, name, got[k], want[k], 100*(got[k]/want[k]-1))
						}
					}
				}
			}
		}
	}
}
