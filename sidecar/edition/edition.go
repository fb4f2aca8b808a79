package edition

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/rhai"
	"github.com/miroir-search/miroir/sidecar/span"
)

// whole is the name under which the function's document is kept as it was. Functions that name anything reserved are refused.
const whole = nodeapi.ReservedPrefix + "document"

// before takes the reserved fields out of the document. It is ASCII: a column is a byte.
const before = `let ` + whole + `=doc;doc.remove("` + nodeapi.FieldShard + `");doc.remove("` + nodeapi.FieldUpdatedAt + `");`

// after puts them back, with another stamp if the document is another one. The line break ends a comment.
func after(stamp hlc.Stamp) string {
	return fmt.Sprintf("\n;if type_of(doc)==\"map\"{doc.%[1]s=%[3]s.%[1]s;doc.%[2]s=%[3]s.%[2]s;if doc!=%[3]s{doc.%[2]s=\"%[4]s\";}}",
		nodeapi.FieldShard, nodeapi.FieldUpdatedAt, whole, nodeapi.AppendStamp(nil, stamp, 0))
}

// Wrap is the body of an edition with the function between the two pieces. A body that is no such thing stays as it is: the
// engine says what is wrong with it.
func Wrap(body []byte, stamp hlc.Stamp) []byte {
	return replace(body, "function", func(value []byte) []byte {
		function, err := span.Text(value)
		if err != nil {
			return value
		}
		wrapped, err := encode(between(string(function), stamp))
		if err != nil {
			return value
		}
		return wrapped
	})
}

// Probe is a body that the engine refuses whatever the function is, after it has looked at the function and at the filter: what
// it says about it, but for CodeContext, it would say about the body itself.
func Probe(body []byte) []byte {
	probe := replace(body, "context", func([]byte) []byte { return []byte("0") })
	if !bytes.Equal(probe, body) {
		return probe
	}
	at := bytes.LastIndexByte(body, '}')
	if at < 0 {
		return body
	}
	return append(append(bytes.Clone(body[:at]), `,"context":0`...), body[at:]...)
}

// CodeContext is what the engine says about a probe of an edition that it would take.
const CodeContext = "invalid_document_edition_context"

// replace exchanges the values of all members of an object that have a name.
func replace(body []byte, name string, with func(value []byte) []byte) []byte {
	out := make([]byte, 0, len(body)+512)
	from := 0
	err := span.Members(body, func(key, value []byte) error {
		text, err := span.Text(key)
		if err != nil || string(text) != name {
			return err
		}
		at := cap(body) - cap(value)
		out = append(append(out, body[from:at]...), with(value)...)
		from = at + len(value)
		return nil
	})
	if err != nil {
		return body
	}
	return append(out, body[from:]...)
}

func encode(s string) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

// between is the function between the two pieces. One that leaves by `return` is evaluated as a text, which alone it leaves;
// the functions that it defines can not stand in there, and stay where they are.
func between(function string, stamp hlc.Stamp) string {
	script, ok := rhai.Read(function)
	if !ok || !script.Leaves {
		return before + function + after(stamp)
	}
	return script.Functions() + "\n" + before + "eval(" + literal(held(script.Rest())) + ");" + after(stamp)
}

// held is a script of which no white space at its start is cut away: positions in it would not be right.
func held(script string) string {
	first, size := utf8.DecodeRuneInString(script)
	switch {
	case first == '\n':
		return ";" + script
	case unicode.IsSpace(first):
		return ";" + script[size:]
	}
	return script
}

// literal is a text as it is written in a script.
func literal(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c < ' ':
			_, _ = fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// position is where the engine says that something is wrong, on the line that before stands on.
var position = regexp.MustCompile(`\(line 1, position (\d+)\)`)

// code is that of the errors that a function raises when it runs.
var code = []byte(`"edit_documents_by_function_error"`)

// inText is what the engine says of an error in a text that is evaluated, as JSON. The last of them is that of our text.
var inText = regexp.MustCompile(`\\nin call to function 'eval' \(line \d+, position \d+\)`)

// Unshift is an engine's task with the message of its error as it is about the client's function alone.
func Unshift(task []byte) []byte {
	if !bytes.Contains(task, code) {
		return task
	}
	var shown struct{ Details struct{ Function string } }
	if json.Unmarshal(task, &shown) == nil && strings.Contains(shown.Details.Function, "\n"+before+`eval("`) {
		found := inText.FindAllIndex(task, -1)
		if len(found) == 0 {
			return task
		}
		at := found[len(found)-1]
		return append(bytes.Clone(task[:at[0]]), task[at[1]:]...)
	}
	return position.ReplaceAllFunc(task, func(found []byte) []byte {
		n, err := strconv.Atoi(string(position.FindSubmatch(found)[1]))
		if err != nil || n <= len(before) {
			return found
		}
		return fmt.Appendf(nil, "(line 1, position %d)", n-len(before))
	})
}
