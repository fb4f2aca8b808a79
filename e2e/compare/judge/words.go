package judge

import (
	"strings"

	"github.com/miroir-search/miroir/e2e/compare/corpus"
	"github.com/miroir-search/miroir/e2e/compare/query"
)

// What an engine tries for one word of a query, in the order of its dictionary: so many words with one typing error, so
// many with two, so many that begin with it. Prefixes of at most prefixBytes have all their words ready where there are
// enoughWords of them.
const (
	maxOneTypo  = 150
	maxTwoTypos = 50
	maxPrefix   = 1000
	prefixBytes = 4
	enoughWords = 100
)

// dictionary is the words of an index, and which stand next to each other.
type dictionary struct {
	words map[string]bool
	pairs map[[2]string]bool
}

func (j *Judge) dictionary(uid string) *dictionary {
	if d, ok := j.dictionaries[uid]; ok {
		return d
	}
	d := &dictionary{words: map[string]bool{}, pairs: map[[2]string]bool{}}
	c := j.corpus(uid)
	for _, document := range c.Documents {
		for _, field := range c.Searchable {
			words := corpus.Split(document.Text(field))
			for i, word := range words {
				d.words[word] = true
				if i > 0 {
					d.pairs[[2]string{words[i-1], word}] = true
				}
			}
		}
	}
	if j.dictionaries == nil {
		j.dictionaries = map[string]*dictionary{}
	}
	j.dictionaries[uid] = d
	return d
}

// derived says whether some word of the query stands for more words than an engine tries, or can be split in more than
// one way. An engine with a part of the documents then finds more than one with all of them, never less.
func (j *Judge) derived(q query.Query) (Class, bool) {
	for _, part := range q.Queries() {
		if class, ok := j.derived(part); ok {
			return class, true
		}
	}
	d := j.dictionary(q.Index)
	words, open := typed(q)
	for i, word := range words {
		last := open && i == len(words)-1
		if d.splits(word) > 1 {
			return SplitWords, true
		}
		one, two, begin := d.counts(word, last)
		if one > maxOneTypo || two > maxTwoTypos || begin > maxPrefix && len(word) > prefixBytes {
			return Capped, true
		}
	}
	return Equal, false
}

// typed are the words of a query; open says whether the last one may be the beginning of a longer word.
func typed(q query.Query) (words []string, open bool) {
	text := q.Text("q")
	words = corpus.Split(text)
	return words, len(words) > 0 && !strings.HasSuffix(text, " ") && !strings.HasSuffix(text, `"`)
}

// joins says whether some neighbours among the words of a query, written together, stand for a word: such a word may be
// known to the whole index and not to a part of it.
func (d *dictionary) joins(words []string) bool {
	for n := 2; n <= 3; n++ {
		for i := 0; i+n <= len(words); i++ {
			joined, last := strings.Join(words[i:i+n], ""), i+n == len(words)
			one, two, begin := d.counts(joined, last)
			if d.words[joined] || one+two+begin > 0 {
				return true
			}
		}
	}
	return false
}

// prepares says whether an engine keeps all words that begin with a short text ready when enough do: in the whole index
// they may be enough, in a part of it not.
func (d *dictionary) prepares(prefix string) bool {
	if len(prefix) > prefixBytes {
		return false
	}
	_, _, begin := d.counts(prefix, true)
	return begin >= enoughWords
}

// splits counts the ways in which a word is two words that stand next to each other in some document.
func (d *dictionary) splits(word string) int {
	n := 0
	for i := range word {
		if i > 0 && d.pairs[[2]string{word[:i], word[i:]}] {
			n++
		}
	}
	return n
}

// counts says how many words of the dictionary a word of a query stands for: with one typing error, with two, and as
// their beginning. The number of errors that are allowed is that of the default settings.
func (d *dictionary) counts(word string, prefix bool) (one, two, begin int) {
	typed := []rune(word)
	allowed := 0
	switch {
	case len(typed) >= 9:
		allowed = 2
	case len(typed) >= 5:
		allowed = 1
	}
	for known := range d.words {
		if prefix && strings.HasPrefix(known, word) {
			begin++
			continue
		}
		if allowed == 0 {
			continue
		}
		switch errors := typos(typed, []rune(known), prefix); {
		case errors == 1:
			one++
		case errors == 2 && allowed == 2:
			two++
		}
	}
	return one, two, begin
}

// typos is the number of letters to insert, delete, change or swap to make one word, or the beginning of one, of
// another. A wrong first letter counts twice.
func typos(typed, known []rune, prefix bool) int {
	before := make([]int, len(known)+1)
	row := make([]int, len(known)+1)
	next := make([]int, len(known)+1)
	for k := range row {
		row[k] = k
	}
	for t := 1; t <= len(typed); t++ {
		next[0] = t
		for k := 1; k <= len(known); k++ {
			change := row[k-1]
			if typed[t-1] != known[k-1] {
				change++
			}
			next[k] = min(change, row[k]+1, next[k-1]+1)
			if t > 1 && k > 1 && typed[t-1] == known[k-2] && typed[t-2] == known[k-1] {
				next[k] = min(next[k], before[k-2]+1)
			}
		}
		before, row, next = row, next, before
	}
	errors := row[len(known)]
	if prefix {
		for _, n := range row {
			errors = min(errors, n)
		}
	}
	if errors > 0 && typed[0] != known[0] {
		errors++
	}
	return errors
}
