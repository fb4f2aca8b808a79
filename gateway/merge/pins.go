package merge

import "slices"

// collectPinned is collect for answers in which a dynamic search rule may have placed hits. A pinned hit was placed by
// the leg that owns it, not ranked, so it takes no part in the race: all of them are taken out first, the others are
// merged, and then every pin goes to its position, moving the rest down. A pin beyond the end moves up to the end.
func (sc *scratch) collectPinned(from, to int, dis *distinct) error {
	r := &sc.race
	pins, err := sc.pinnedHits()
	if err != nil {
		return err
	}
	if err := r.start(); err != nil {
		return err
	}
	for rank := 0; rank < to; {
		s, err := sc.nextOrganic(dis)
		if err != nil {
			return err
		}
		switch {
		case len(pins) > 0 && (s == nil || pins[0].at <= int64(rank)):
			if rank >= from {
				st := &r.streams[pins[0].leg]
				kept := st.hit
				st.hit = pins[0].hit
				sc.pick(st)
				sc.picks[len(sc.picks)-1].semantic = false
				st.hit = kept
			}
			pins = pins[1:]
		case s == nil:
			return nil
		default:
			if rank >= from {
				sc.pick(s)
			}
			if dis != nil {
				dis.keep()
			}
			if err := r.pop(); err != nil {
				return err
			}
		}
		rank++
	}
	return nil
}

// pinnedHits finds all pinned hits, by position.
func (sc *scratch) pinnedHits() ([]pinned, error) {
	r := &sc.race
	var pins []pinned
	for i := range r.streams {
		st := r.streams[i] // a copy: the race still starts at the first hit
		st.key = key{}
		for {
			ok, _, err := st.advance(&r.look)
			if err != nil {
				return nil, err
			}
			if !ok {
				break
			}
			if st.key.pinned {
				pins = append(pins, pinned{at: st.key.pin, leg: i, hit: st.hit})
			}
		}
	}
	slices.SortStableFunc(pins, func(x, y pinned) int {
		switch {
		case x.at < y.at:
			return -1
		case x.at > y.at:
			return 1
		}
		return 0
	})
	return pins, nil
}

type pinned struct {
	at  int64
	leg int
	hit hitView
}

// nextOrganic moves the race to the next hit that is neither pinned nor a duplicate under the distinct rule.
func (sc *scratch) nextOrganic(dis *distinct) (*stream, error) {
	for {
		s := sc.race.best()
		if s == nil {
			return nil, nil //nolint:nilnil // the end is not an error
		}
		if !s.key.pinned && (dis == nil || dis.fresh(s.body, s.hit.whole.start)) {
			return s, nil
		}
		if err := sc.race.pop(); err != nil {
			return nil, err
		}
	}
}
