package query

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/miroir-search/miroir/e2e/compare/corpus"
)

// words makes what is typed into a search box: words of a document, mistyped, cut short, joined, quoted or negated.
func (g *generator) words() string {
	count := g.pick(6, 34, 28, 18, 9, 5)
	if count == 0 {
		return ""
	}
	typed := g.wordsOfADocument(count)
	for i := range typed {
		last := i == len(typed)-1
		switch {
		case last && g.chance(35):
			typed[i] = g.cut(typed[i])
		case g.chance(22):
			typed[i] = g.mistype(typed[i])
		case g.chance(3):
			typed[i] = g.anyWord()
		}
	}
	switch {
	case len(typed) > 1 && g.chance(4):
		typed = []string{strings.Join(typed[:2], "")} // two words as one: found by splitting
	case len(typed) > 1 && g.chance(6):
		typed = append([]string{`"` + typed[0] + " " + typed[1] + `"`}, typed[2:]...)
	case g.chance(4):
		typed = append(typed, "-"+g.anyWord())
	case g.chance(4) && utf8.RuneCountInString(typed[0]) > 5:
		half := len([]rune(typed[0])) / 2
		runes := []rune(typed[0])
		typed = slices.Insert(typed[1:], 0, string(runes[:half]), string(runes[half:])) // one word as two: found by joining
	}
	text := strings.Join(typed, " ")
	if g.chance(10) {
		text = strings.ToUpper(text)
	}
	if g.chance(5) {
		text += " "
	}
	return text
}

// wordsOfADocument takes words that stand together in one document, mostly in their order.
func (g *generator) wordsOfADocument(count int) []string {
	document := g.corpus.Documents[g.random.IntN(len(g.corpus.Documents))]
	var all []string
	for _, field := range g.corpus.Searchable {
		all = append(all, corpus.Split(document.Text(field))...)
	}
	if len(all) == 0 {
		return []string{g.anyWord()}
	}
	start := g.random.IntN(len(all))
	taken := slices.Clone(all[start:min(len(all), start+count)])
	for len(taken) < count {
		if !g.chance(70) {
			taken = append(taken, g.anyWord())
			continue
		}
		taken = append(taken, all[g.random.IntN(len(all))])
	}
	if g.chance(15) {
		g.random.Shuffle(len(taken), func(i, j int) { taken[i], taken[j] = taken[j], taken[i] })
	}
	return taken
}

func (g *generator) anyWord() string { return g.corpus.Words[g.random.IntN(len(g.corpus.Words))] }

// cut keeps the beginning of a word.
func (g *generator) cut(word string) string {
	runes := []rune(word)
	if len(runes) < 2 {
		return word
	}
	return string(runes[:1+g.random.IntN(len(runes)-1)])
}

// mistype makes one or two typing errors.
func (g *generator) mistype(word string) string {
	runes := []rune(word)
	for range 1 + g.pick(80, 20) {
		if len(runes) < 3 {
			break
		}
		at := 1 + g.random.IntN(len(runes)-1)
		letter := rune('a' + g.random.IntN(26))
		switch g.random.IntN(4) {
		case 0:
			runes = slices.Delete(runes, at, at+1)
		case 1:
			runes = slices.Insert(runes, at, letter)
		case 2:
			runes[at] = letter
		case 3:
			runes[at], runes[at-1] = runes[at-1], runes[at]
		}
	}
	return string(runes)
}
