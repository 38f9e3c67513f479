package recordtest

import (
	"slices"
	"testing"
	"time"

	"github.com/flyball-io/flyball/record"
)

// queries asks for every field of a query alone and for some together.
func queries(t *testing.T, s record.Store) {
	var all []record.Entry
	for i := range 60 {
		all = append(all, Sample("shop", i), Sample("cart", i))
		if i%10 == 0 {
			all = append(all, Applied("shop", i), Event("cart", i), Event("", i))
		}
	}
	numbered(all)
	for batch := range slices.Chunk(all, 7) {
		write(t, s, batch...)
	}
	at := func(i int) time.Time { return Sample("shop", i).At }
	for name, q := range map[string]record.Query{
		"everything":           {},
		"one target":           {Target: "shop"},
		"no such target":       {Target: "nobody"},
		"decisions":            {Kind: record.DecidedKind},
		"changes made":         {Kind: record.AppliedKind},
		"events":               {Kind: record.EventKind},
		"no such kind":         {Kind: "dreamt"},
		"events of a target":   {Target: "cart", Kind: record.EventKind},
		"from a time":          {From: at(50)},
		"until a time":         {To: at(10)},
		"a window":             {Target: "shop", From: at(20), To: at(30)},
		"an empty window":      {From: at(30), To: at(30)},
		"a window turned":      {From: at(30), To: at(20)},
		"a window long ago":    {To: Start.AddDate(-1, 0, 0)},
		"a window far away":    {From: Start.AddDate(400, 0, 0)},
		"the whole of time":    {From: time.Unix(0, 0), To: Start.AddDate(4000, 0, 0)},
		"before an ID":         {Before: 20},
		"after an ID":          {After: 100},
		"between IDs":          {After: 30, Before: 40, Target: "cart"},
		"between turned IDs":   {After: 40, Before: 30},
		"after the last":       {After: 10_000},
		"changing decisions":   {Filter: record.Changes, Kind: record.DecidedKind},
		"held decisions":       {Filter: record.Held, Kind: record.DecidedKind, Target: "cart"},
		"changes and events":   {Filter: record.Changes},
		"held, a window":       {Filter: record.Held, From: at(5), To: at(25), Target: "shop"},
		"brief":                {Brief: true},
		"brief, one target":    {Brief: true, Target: "shop", From: at(3)},
		"changed, in a window": {Filter: record.Changes, From: at(5), To: at(45), Brief: true},
	} {
		for _, limit := range []int{0, 1, 5, 1000} {
			for _, oldest := range []bool{false, true} {
				q.Limit, q.OldestFirst = limit, oldest
				equal(t, name, read(t, s, q), answer(all, q))
			}
		}
	}
}

// answer is what a query must bring of all entries, oldest first.
func answer(all []record.Entry, q record.Query) []record.Entry {
	var found []record.Entry
	for _, e := range all {
		if q.Matches(e) {
			found = append(found, e.Clone())
		}
	}
	if !q.OldestFirst {
		slices.Reverse(found)
	}
	if q.Limit > 0 && len(found) > q.Limit {
		found = found[:q.Limit]
	}
	for i := range found {
		if d := found[i].Decided; q.Brief && d != nil {
			brief := d.Brief()
			found[i].Decided = &brief
		}
	}
	return found
}

// pages reads everything in small pages, backwards by the last ID.
func pages(t *testing.T, s record.Store) {
	var all []record.Entry
	for i := range 23 {
		all = append(all, Sample("shop", i))
	}
	write(t, s, numbered(all)...)
	var got []record.Entry
	for q := (record.Query{Target: "shop", Limit: 5}); ; q.Before = got[len(got)-1].ID {
		page := read(t, s, q)
		if len(page) == 0 {
			break
		}
		got = append(got, page...)
	}
	slices.Reverse(got)
	equal(t, "all pages", got, all)
}
