package filter

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/sidecar/span"
)

// ReservedError says that a request names a reserved field where it may not.
type ReservedError struct{ Field string }

func (e ReservedError) Error() string {
	return fmt.Sprintf("`%s` is a reserved field: it can not be used to filter, sort or count", e.Field)
}

// Clause is the condition that a node's answer is restricted by; the empty one restricts nothing.
type Clause string

// For is the clause for ascending shards.
func For(shards []int) Clause { return Clause(nodeapi.ShardFilter(shards)) }

// conjoin writes the filter value that means both the clause and the filter that raw holds (RD-4). The client's filter comes
// first: an engine does not look at what stands behind a condition that nothing meets, and would not refuse a wrong filter on a
// node without documents. ok is false when raw is no filter at all, which the engine must say.
func (c Clause) conjoin(raw []byte) (value []byte, ok bool) {
	own := quote(string(c))
	switch {
	case len(raw) == 0 || bytes.Equal(raw, []byte("null")):
		return own, true
	case raw[0] == '[':
		rest := bytes.TrimLeft(raw[1:], " \t\r\n")
		if len(rest) > 0 && rest[0] == ']' {
			return join("[", own, "]"), true
		}
		list := bytes.TrimRight(raw, " \t\r\n")
		return slices.Concat(list[:len(list)-1], []byte{','}, own, []byte{']'}), true
	case raw[0] == '"':
		text, err := span.Text(raw)
		if err != nil {
			return nil, false
		}
		switch expr := string(text); {
		case strings.TrimSpace(expr) == "":
			return own, true
		case whole(expr):
			return quote("(" + expr + ") AND (" + string(c) + ")"), true
		default:
			// Parentheses would tear such an expression apart. As an element of its own it is read alone, and refused
			// if it is none.
			return join("[", raw, ",", own, "]"), true
		}
	}
	return nil, false
}

// checkFilter looks for reserved attributes in a filter value: a text, or lists of texts.
func checkFilter(raw []byte) error {
	if !bytes.Contains(raw, []byte("_miroir")) && !bytes.Contains(raw, []byte(`\`)) {
		return nil
	}
	if len(raw) > 0 && raw[0] == '[' {
		return span.Elements(raw, checkFilter)
	}
	text, err := span.Text(raw)
	if err != nil {
		return nil //nolint:nilerr // not a text: the engine's business
	}
	if field, found := reservedIn(string(text)); found {
		return ReservedError{field}
	}
	return nil
}

// checkName looks for a reserved name in a text such as a facet name.
func checkName(raw []byte) error {
	text, err := span.Text(raw)
	if err != nil {
		return nil //nolint:nilerr // not a text: the engine's business
	}
	return reservedName(string(text))
}

// checkDistinct looks for a reserved name in the distinct member, where legs may name one.
func checkDistinct(raw []byte) error {
	if text, err := span.Text(raw); err == nil && string(text) == nodeapi.NoDistinct {
		return nil
	}
	return checkName(raw)
}

// checkNames does so for every element of a list.
func checkNames(raw []byte) error {
	if len(raw) == 0 || raw[0] != '[' {
		return nil
	}
	return span.Elements(raw, checkName)
}

// checkSort does so for a list of "<field>:<direction>".
func checkSort(raw []byte) error {
	if len(raw) == 0 || raw[0] != '[' {
		return nil
	}
	return span.Elements(raw, func(e []byte) error {
		text, err := span.Text(e)
		if err != nil {
			return nil //nolint:nilerr // as above
		}
		field, _, _ := strings.Cut(string(text), ":")
		return reservedName(field)
	})
}

// checkFunction refuses an editing function that mentions reserved fields at all.
func checkFunction(raw []byte) error {
	if text, err := span.Text(raw); err == nil && bytes.Contains(text, []byte(nodeapi.ReservedPrefix)) {
		return ReservedError{nodeapi.FieldShard}
	}
	return nil
}

func reservedName(name string) error {
	if nodeapi.IsReserved(name) {
		return ReservedError{name}
	}
	return nil
}

// quote writes a text as JSON without escaping what need not be.
func quote(text string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		return []byte(`""`) // a string always encodes
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}

func join[T string | []byte](first T, rest ...any) []byte {
	out := []byte(first)
	for _, r := range rest {
		switch v := r.(type) {
		case string:
			out = append(out, v...)
		case []byte:
			out = append(out, v...)
		}
	}
	return out
}
