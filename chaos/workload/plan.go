package workload

import (
	"fmt"
	"math/rand/v2"

	"github.com/miroir-search/miroir/chaos/history"
)

// Shape says how much is asked.
type Shape struct {
	Writers  int // clients that mostly write
	Readers  int // clients that only read
	Indexers int // clients that make, delete and swap indexes
	Flippers int // clients that flip an alias and follow it
	Requests int // of each client
}

// documents and groups are few, so that requests meet.
const (
	documents = 48
	groups    = 5
	batch     = 8 // most documents of one write
)

// block is the room for the numbers of one client's requests.
const block = 100_000

// Targets are the indexes that aliases are flipped between. The primary key of each is its name.
func Targets() []string { return []string{"target-blue", "target-green", "target-red"} }

// Alias is the alias of a run whose indexes are named after prefix. It begins as the first target.
func Alias(prefix string) string { return prefix + "alias" }

// Plan returns the requests of every client in their order. Indexes of their own are named after prefix.
func Plan(seed uint64, s Shape, prefix string) [][]history.Op {
	var all [][]history.Op
	for client := range s.Writers + s.Readers + s.Indexers + s.Flippers {
		dice := rand.New(rand.NewPCG(seed, uint64(client))) //nolint:gosec // to be repeated, not to be secret
		next := writerOp
		switch {
		case client >= s.Writers+s.Readers+s.Indexers:
			next = func(d *rand.Rand, number int64) history.Op { return flipperOp(d, number, prefix) }
		case client >= s.Writers+s.Readers:
			next = func(d *rand.Rand, number int64) history.Op { return indexerOp(d, number, prefix) }
		case client >= s.Writers:
			next = readerOp
		}
		var mine []history.Op
		for n := range s.Requests {
			o := next(dice, int64(client*block+n+1))
			o.Client = client
			mine = append(mine, o)
		}
		all = append(all, mine)
	}
	return all
}

func writerOp(dice *rand.Rand, number int64) history.Op {
	o := history.Op{Number: number}
	switch roll := dice.IntN(100); {
	case roll < 34:
		o.Kind, o.Docs = history.Put, map[string]history.Document{}
		for _, id := range someIDs(dice) {
			d := history.Document{history.Group: dice.Int64N(groups), history.First: number}
			if dice.IntN(2) == 0 {
				d[history.Next] = number
			}
			o.Docs[id] = d
		}
	case roll < 64:
		o.Kind, o.Docs = history.Merge, map[string]history.Document{}
		for _, id := range someIDs(dice) {
			d := history.Document{}
			d[[]string{history.First, history.Next, history.Last}[dice.IntN(3)]] = number
			if dice.IntN(4) == 0 {
				d[history.Group] = dice.Int64N(groups)
			}
			o.Docs[id] = d
		}
	case roll < 76:
		o.Kind, o.IDs = history.Delete, someIDs(dice)
	case roll < 80:
		o.Kind, o.Group = history.Filter, dice.Int64N(groups)
	case roll < 81:
		o.Kind = history.Clear
	default:
		return readerOp(dice, number)
	}
	return o
}

func readerOp(dice *rand.Rand, number int64) history.Op {
	o := history.Op{Number: number}
	switch dice.IntN(4) {
	case 0:
		o.Kind, o.IDs = history.Get, []string{idOf(dice.IntN(documents))}
	case 1:
		o.Kind = history.List
	default:
		o.Kind = history.Search
	}
	return o
}

func indexerOp(dice *rand.Rand, number int64, prefix string) history.Op {
	at := dice.IntN(3)
	o := history.Op{Number: number, Index: fmt.Sprint(prefix, at)}
	switch dice.IntN(6) {
	case 0:
		o.Kind, o.Identity = history.Create, fmt.Sprint("key", number)
	case 1:
		o.Kind = history.Drop
	case 2:
		o.Kind, o.Other = history.Swap, fmt.Sprint(prefix, (at+1+dice.IntN(2))%3)
	default:
		o.Kind = history.Show
	}
	return o
}

func flipperOp(dice *rand.Rand, number int64, prefix string) history.Op {
	o := history.Op{Number: number, Kind: history.Follow, Index: Alias(prefix)}
	if targets := Targets(); dice.IntN(3) == 0 {
		o.Kind, o.Other = history.Flip, targets[dice.IntN(len(targets))]
	}
	return o
}

func someIDs(dice *rand.Rand) (ids []string) {
	for _, n := range dice.Perm(documents)[:1+dice.IntN(batch)] {
		ids = append(ids, idOf(n))
	}
	return ids
}

func idOf(n int) string { return fmt.Sprintf("d%02d", n) }

// IDs lists all documents that a plan may name.
func IDs() (ids []string) {
	for n := range documents {
		ids = append(ids, idOf(n))
	}
	return ids
}
