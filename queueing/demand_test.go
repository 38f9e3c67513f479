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
