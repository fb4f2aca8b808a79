package write

import (
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// document is one document of a payload. It is valid until the next one is cut.
type document struct {
	raw     []byte // a JSON object
	members []rawjson.Member
	odd     bool // see rawjson.Object
	merged  bool // of members that repeat only the last one's value counts
}

// jsonCutter cuts JSON and NDJSON. It answers what is malformed as Meilisearch's own readers do: those look at a document
// as a whole first, without caring for the values in it, and then at its members.
type jsonCutter struct {
	*window
	doc    document
	merged bool // documents are read and written again before they are indexed, which merges members that repeat
	visit  func(document) error
}

// malformed words a fault of the text.
func (f Format) malformed(err error) *apierr.Error {
	return apierr.New(apierr.MalformedPayload, "The `%s` payload provided is malformed. `Couldn't serialize document value: %s`.",
		f.name(), err.Error())
}

// cutJSON cuts an array of objects, or takes a single object.
func (f Format) cutJSON(w *window, visit func(document) error) error {
	c := &jsonCutter{window: w, merged: true, visit: visit}
	first, ok, err := w.token()
	switch {
	case err != nil:
		return err
	case !ok:
		return f.judge(w.fault(rawjson.EndInValue, len(w.buf)))
	case first == '[':
		return f.judge(c.list())
	case first == '{':
		return f.judge(c.single())
	}
	return f.judge(c.scalar())
}

// judge turns a fault of the text into the answer to the request; other errors stay what they are.
func (f Format) judge(err error) error {
	if fault, ok := err.(*meili.JSONError); ok { //nolint:errorlint // faults are never wrapped
		return f.malformed(fault)
	}
	return err
}

// list cuts the elements of an array. What follows the array is not looked at.
func (c *jsonCutter) list() error {
	c.at++
	for first := true; ; first = false {
		ch, ok, err := c.token()
		switch {
		case err != nil:
			return err
		case !ok:
			return c.fault(rawjson.EndInList, len(c.buf))
		case ch == ']':
			c.at++
			return nil
		case !first:
			if err := c.comma(ch); err != nil {
				return err
			}
		}
		if err := c.value(); err != nil {
			return err
		}
		if bad := c.refuse(); bad != nil {
			return c.closing(bad)
		}
		if err := c.take(); err != nil {
			return err
		}
	}
}

// comma passes the comma between two elements.
func (c *jsonCutter) comma(ch byte) error {
	if ch != ',' {
		return c.fault(rawjson.NoListEnd, c.at+1)
	}
	c.at++
	ch, ok, err := c.token()
	switch {
	case err != nil:
		return err
	case !ok:
		return c.fault(rawjson.EndInValue, len(c.buf))
	case ch == ']':
		return c.fault(rawjson.TrailingComma, c.at+1)
	}
	return nil
}

// value sees the value at hand whole and sound, and the byte behind it where that belongs to it.
func (c *jsonCutter) value() error {
	for {
		o := c.scan()
		if end := c.at + o.End; o.Fault.Reason == rawjson.OK && (end < len(c.buf) || c.done || ends(c.buf[c.at])) {
			c.doc = document{c.buf[c.at:end], o.Members, o.Odd, c.merged}
			return nil
		}
		if o.Fault.Reason != rawjson.OK && c.at+o.Fault.At < len(c.buf) || c.done {
			return c.fault(o.Fault.Reason, c.at+o.Fault.At)
		}
		if _, err := c.more(); err != nil {
			return err
		}
	}
}

// scan checks the value at hand as far as it is in the window. Positions count from the value.
func (c *jsonCutter) scan() rawjson.Object {
	rest := c.rest()
	if rest[0] == '{' {
		return rawjson.ScanObject(rest, 0, c.doc.members[:0])
	}
	end, fault := rawjson.Scan(rest, 0)
	return rawjson.Object{Members: c.doc.members[:0], End: end, Fault: fault}
}

// take hands the document at hand over and passes it.
func (c *jsonCutter) take() error {
	if err := c.visit(c.doc); err != nil {
		return err
	}
	c.at += len(c.doc.raw)
	return nil
}

// refuse says what is wrong with the value at hand as a document: it is no object, or a key can not be read. Places
// count from the value.
func (c *jsonCutter) refuse() error {
	if c.doc.raw[0] != '{' {
		return notAnObject(c.doc.raw)
	}
	if !c.doc.odd {
		return nil
	}
	for _, m := range c.doc.members {
		if e := meili.CheckJSON(m.Key); e != nil {
			at := cap(c.doc.raw) - cap(m.Key) + e.Column // the key is a part of the document
			line, column := rawjson.Position(c.doc.raw, at)
			return &meili.JSONError{Reason: e.Reason, Line: line, Column: column}
		}
	}
	return nil
}

// closing is the answer to an element that is no document: Meilisearch expects the array to end behind it, and complains
// first if it does not.
func (c *jsonCutter) closing(bad error) error {
	c.at += len(c.doc.raw)
	ch, ok, err := c.token()
	switch {
	case err != nil:
		return err
	case !ok:
		return c.fault(rawjson.EndInList, len(c.buf))
	case ch == ']':
		return bad
	case ch == ',':
		c.at++
		if ch, ok, err = c.token(); err != nil {
			return err
		} else if ok && ch == ']' {
			return c.fault(rawjson.TrailingComma, c.at+1)
		}
	}
	return c.fault(rawjson.Trailing, min(c.at+1, len(c.buf)))
}

// single takes a payload that is one object. Meilisearch reads it with all its values, so it is checked more strictly.
func (c *jsonCutter) single() error {
	if err := c.all(); err != nil {
		return err
	}
	c.forget()
	if e := meili.CheckJSON(c.buf); e != nil {
		return c.placed(e)
	}
	o := rawjson.ScanObject(c.buf, 0, nil)
	c.doc = document{c.buf[:o.End], o.Members, false, c.merged}
	return c.take()
}

// scalar refuses a payload that is neither an array nor an object.
func (c *jsonCutter) scalar() error {
	if err := c.all(); err != nil {
		return err
	}
	c.forget()
	if e := meili.CheckJSON(c.buf); e != nil && e.Reason != rawjson.Trailing.String() {
		return c.placed(e)
	}
	return apierr.New(apierr.MalformedPayload, "The `json` payload provided is malformed. "+
		"`Couldn't serialize document value: data are neither an object nor a list of objects`.")
}

// cutLines cuts objects that follow one another, each usually on a line of its own.
func (f Format) cutLines(w *window, visit func(document) error) error {
	c := &jsonCutter{window: w, visit: visit}
	for {
		_, ok, err := c.token()
		if err != nil || !ok {
			return err
		}
		if err := c.value(); err != nil {
			return f.judge(err)
		}
		if end := c.at + len(c.doc.raw); !ends(c.doc.raw[0]) && end < len(c.buf) && !follows[c.buf[end]] {
			return f.judge(c.fault(rawjson.Trailing, end+1))
		}
		if err := c.refuse(); err != nil {
			return f.judge(err)
		}
		if err := c.take(); err != nil {
			return err
		}
	}
}

// ends says whether a value that begins with a byte ends by itself, without anything behind it.
func ends(c byte) bool { return c == '{' || c == '[' || c == '"' }

// follows marks the bytes that can stand behind a number or literal.
var follows = func() (t [256]bool) {
	for _, c := range []byte(" \n\t\r\"[]{},:") {
		t[c] = true
	}
	return t
}()

// notAnObject is Meilisearch's answer to a document that is no object. Places count from the value.
func notAnObject(value []byte) error {
	if value[0] == '[' {
		return apierr.New(apierr.Internal, "%s at line 1 column 0", meili.UnexpectedType(value, "a map"))
	}
	if e := meili.CheckJSON(value); e != nil {
		return e
	}
	return apierr.New(apierr.Internal, "%s at line 1 column %d", meili.UnexpectedType(value, "a map"), len(value))
}
