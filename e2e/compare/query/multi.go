package query

// multi makes the body of a multi-search: searches of any index, each with an answer of its own.
func (g *generator) multi() map[string]any {
	queries := []any{}
	for range 1 + g.random.IntN(3) {
		g.corpus = g.anyCorpus()
		body := g.search()
		body["indexUid"] = g.corpus.UID
		queries = append(queries, body)
	}
	return map[string]any{"queries": queries}
}

// federated makes the body of a search whose queries share one list of hits. They are of one index: those of several can
// be merged only where the ranking rules agree.
func (g *generator) federated() map[string]any {
	queries := []any{}
	for range 1 + g.random.IntN(3) {
		body := map[string]any{"indexUid": g.corpus.UID}
		if text := g.words(); text != "" {
			body["q"] = text
		}
		if g.chance(40) {
			body["filter"] = g.filter()
		}
		if g.chance(30) {
			body["showRankingScore"] = true
		}
		if g.chance(30) {
			body["federationOptions"] = map[string]any{"weight": []any{0.1, 0.5, 2, 10}[g.random.IntN(4)]}
		}
		queries = append(queries, body)
	}
	if g.chance(25) { // sorted lists are merged by their values, which only makes sense when all are sorted alike
		by := g.sort()
		for _, part := range queries {
			if body, ok := part.(map[string]any); ok {
				body["sort"] = by
			}
		}
	}
	federation := map[string]any{}
	g.paginate(federation)
	if g.chance(30) {
		federation["facetsByIndex"] = map[string]any{g.corpus.UID: []any{g.one(g.corpus.Texts)}}
		if g.chance(50) {
			federation["mergeFacets"] = map[string]any{}
		}
	}
	return map[string]any{"federation": federation, "queries": queries}
}

// blended makes the body of a search by words, by vectors and by both, whose queries share one list of hits.
func (g *generator) blended() map[string]any {
	queries := []any{}
	for range 1 + g.random.IntN(3) {
		body := map[string]any{"indexUid": g.corpus.UID}
		if g.chance(75) {
			semantic := g.semantic()
			for _, member := range []string{"vector", "hybrid", "q"} {
				if value, ok := semantic[member]; ok {
					body[member] = value
				}
			}
		} else if text := g.words(); text != "" {
			body["q"] = text
		}
		if g.chance(30) {
			body["filter"] = g.filter()
		}
		if g.chance(30) {
			body["federationOptions"] = map[string]any{"weight": []any{0.5, 2}[g.random.IntN(2)]}
		}
		queries = append(queries, body)
	}
	federation := map[string]any{}
	g.paginate(federation)
	return map[string]any{"federation": federation, "queries": queries}
}
