package antientropy

import (
	"cmp"

	"github.com/miroir-search/miroir/internal/nodeapi"
)

// Rule names why something is done about a document.
type Rule string

// Rules. They are about one document whose copies differ; the winner is the newest version over documents and deletions on
// all copies, a deletion before a document at equal versions.
const (
	Same     Rule = ""    // there is nothing to do
	Newer    Rule = "R1"  // the winner is a document: it goes to the copies that have less
	Expired  Rule = "R2"  // the winner is a document that expired: it goes, and no older version comes back
	Extended Rule = "R3"  // R1, where an older version expired that the winner does not
	Deleted  Rule = "R4"  // the winner is a deletion: the document goes wherever it still is
	Content  Rule = "R5"  // equal versions with different contents: the majority is right
	Tied     Rule = "R5t" // R5 without a majority: of what most copies have the larger hash is right (features.md §0.5)
	Lost     Rule = "R6"  // R1, where some copies have neither the document nor its deletion: they lost it
	Revived  Rule = "R6r" // only copies have it whose engine is at an older state than all deletions that are known: it goes
	Left     Rule = "R7"  // a node has it that does not hold its shard, and all who do have it as new, or its deletion: it goes there
	Foreign  Rule = "R9"  // no more than half of the copies have it, and it never passed a sidecar: it goes
)

// doubtful says whether what loses by the rule may have been right.
func (r Rule) doubtful() bool {
	return r == Content || r == Tied || r == Revived || r == Foreign
}

// Parked says why nothing is done about a document whose copies differ.
type Parked string

// Reasons.
const (
	Horizon   Parked = "horizon"   // no copy is left that would know of a deletion
	Misplaced Parked = "misplaced" // it stands in another shard than its id says
	Unstamped Parked = "unstamped" // it never passed a sidecar, and most copies have it, but not all
)

// Holding is what one copy has of a document.
type Holding struct {
	Node      string
	Stored    bool // the engine shows it, at Version, with Sum and Expires
	Version   nodeapi.Place
	Sum       string
	Expires   uint64        // Unix ms, 0 for never
	Deleted   nodeapi.Place // version of a deletion that the journal knows; zero for none
	Known     nodeapi.Place // version that the journal knows and the engine does not show; zero for none
	Unsettled bool          // its operations are being put in order
	Behind    bool          // its engine is at an older state than any deletion that some other copy still knows of
}

// Verdict is what is to be done about a document.
type Verdict struct {
	Rule    Rule
	Parked  Parked
	Again   bool          // it is being written: look once more
	Source  string        // node that has the winner
	Write   []string      // nodes that take it
	Delete  []string      // nodes that delete the document
	Version nodeapi.Place // the winner's
}

// patient says whether the whole settle time must pass before the verdict counts. An operation that names no document leaves
// no version: while it is on its way a document that it deletes looks like a lost one, and one that it changes like a
// corrupted one.
func (v Verdict) patient() bool {
	return v.Rule == Lost || v.Rule.doubtful()
}

// Judge decides about one document. expired is the time at which documents count as expired, in Unix ms, 0 where none do.
func Judge(copies []Holding, expired uint64) Verdict {
	var winner, deleted nodeapi.Place
	var stored []Holding
	for _, c := range copies {
		if c.Unsettled {
			return Verdict{Again: true}
		}
		if c.Deleted.Compare(deleted) > 0 {
			deleted = c.Deleted
		}
		if c.Stored {
			stored = append(stored, c)
			if c.Version.Compare(winner) > 0 {
				winner = c.Version
			}
		}
	}
	switch {
	case alike(copies):
		return Verdict{}
	case deleted != (nodeapi.Place{}) && deleted.Compare(winner) >= 0:
		return Verdict{Rule: Deleted, Version: deleted, Delete: nodes(stored)}
	}
	best, tied := right(stored, winner)
	switch {
	case expires(best, expired):
		return Verdict{Rule: Expired, Version: winner, Delete: nodes(stored)}
	case len(stored) < len(copies) && winner == (nodeapi.Place{}):
		if 2*len(stored) > len(copies) {
			return Verdict{Rule: Foreign, Parked: Unstamped}
		}
		return Verdict{Rule: Foreign, Delete: nodes(stored)}
	case len(stored) < len(copies) && behind(stored):
		if behind(copies) {
			return Verdict{Rule: Revived, Parked: Horizon, Version: winner}
		}
		return Verdict{Rule: Revived, Version: winner, Delete: nodes(stored)}
	}
	v := Verdict{Rule: Newer, Version: winner, Source: best.Node}
	for _, c := range copies {
		if c.Stored && c.Version == winner && c.Sum == best.Sum {
			continue
		}
		v.Write = append(v.Write, c.Node)
		switch {
		case !c.Stored:
			v.Rule = Lost
		case c.Version == winner && v.Rule != Lost:
			if v.Rule = Content; tied {
				v.Rule = Tied
			}
		case expires(c, expired) && v.Rule == Newer:
			v.Rule = Extended
		}
	}
	return v
}

// alike says whether all copies have the same, or all have nothing.
func alike(copies []Holding) bool {
	for _, c := range copies[1:] {
		if c.Stored != copies[0].Stored || c.Stored && (c.Version != copies[0].Version || c.Sum != copies[0].Sum) {
			return false
		}
	}
	return true
}

// right finds the copy of the winner that is right: what most of them have, and of contents that equally many have the one
// with the larger hash. It says nothing about which was written, but all who look at the copies say the same, so they become
// equal; what loses stays in the log of repairs. tied says that no more than half of them are like the right one.
func right(stored []Holding, winner nodeapi.Place) (best Holding, tied bool) {
	votes, all := map[string]int{}, 0
	for _, c := range stored {
		if c.Version == winner {
			votes[c.Sum]++
			all++
		}
	}
	for _, c := range stored {
		if c.Version != winner {
			continue
		}
		by := cmp.Or(cmp.Compare(votes[c.Sum], votes[best.Sum]), cmp.Compare(c.Sum, best.Sum))
		if by > 0 || by == 0 && outlives(c, best) {
			best = c
		}
	}
	return best, 2*votes[best.Sum] <= all
}

// outlives chooses among copies that are alike, whatever order they come in. Light sums do not show when a document
// expires, so it is the copy that expires last.
func outlives(a, b Holding) bool {
	never := func(h Holding) uint64 { return h.Expires - 1 } // of 0, the latest
	return cmp.Or(cmp.Compare(never(b), never(a)), cmp.Compare(a.Node, b.Node)) < 0
}

func expires(c Holding, expired uint64) bool { return c.Expires > 0 && c.Expires <= expired }

// behind says whether all copies are behind the horizon of deletions.
func behind(copies []Holding) bool {
	for _, c := range copies {
		if !c.Behind {
			return false
		}
	}
	return true
}

func nodes(copies []Holding) (list []string) {
	for _, c := range copies {
		list = append(list, c.Node)
	}
	return list
}
