package merge

// readWeighted makes the key of the current hit from `_federation.weightedScoreValues`, the engine's own list of what
// it would compare.
func (s *stream) readWeighted() error {
	k := &s.key
	k.forget()
	if s.hit.federation.end == 0 {
		return ErrAnswer
	}
	m := objectAt(s.body, s.hit.federation.start)
	for m.next() {
		if string(m.key) != "weightedScoreValues" {
			continue
		}
		list := arrayAt(s.body, m.value)
		for {
			at, ok := list.next()
			if !ok {
				break
			}
			k.scores = append(k.scores, score{})
			list.skipTo(k.readWeightedValue(&k.scores[len(k.scores)-1], s.body, at))
		}
		if list.bad {
			return ErrAnswer
		}
		return nil
	}
	return ErrAnswer
}

// readWeightedValue reads one value, an object whose only key names its kind, and gives the position behind it.
func (k *key) readWeightedValue(v *score, b []byte, i int) int {
	v.kind = ruleUnknown
	m := objectAt(b, i)
	for m.next() {
		switch string(m.key) {
		case "weightedScore":
			v.kind = ruleWeighted
			v.a, _ = parseFloat(m.raw())
		case "vectorSort":
			v.kind, k.vector = ruleWeighted, true
			v.a, _ = parseFloat(m.raw())
		case "sort":
			v.kind = ruleSort
			m.skipTo(k.readDirected(v, b, m.value))
		case "geoSort":
			v.kind, v.class = ruleGeo, classNull
			m.skipTo(k.readDirected(v, b, m.value))
		}
	}
	if m.bad {
		return -1
	}
	return m.i
}

func (k *key) readDirected(v *score, b []byte, i int) int {
	var value []byte
	m := objectAt(b, i)
	for m.next() {
		switch string(m.key) {
		case "asc":
			v.desc = string(m.raw()) == "false"
		case "value", "distance":
			value = m.raw()
		}
	}
	if m.bad {
		return -1
	}
	if v.kind == ruleSort {
		k.readSortValue(v, value)
	} else if d, ok := parseFloat(value); ok {
		v.class, v.a = classNumber, directed(d, v.desc)
	}
	return m.i
}
