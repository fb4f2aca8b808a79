package candidate

import "strings"

// maxNesting is the deepest expression that is read.
const maxNesting = 200

// expression reads one expression of the filter language. Only what any reader of the language would read alike is taken:
// NOT binds before AND, AND before OR. ok is false for everything else.
func (k Key) expression(text string) (found Set, ok bool) {
	p := parser{tokens: tokens{text: text}, key: k}
	p.next()
	if p.kind == tokenEnd && !p.bad {
		return everything(NoFilter), true
	}
	found = p.or()
	return found, !p.bad && p.kind == tokenEnd
}

// parser reads an expression; the current token is the next to be read. Once it is bad it reads no further.
type parser struct {
	tokens
	key   Key
	depth int
}

func (p *parser) or() Set {
	found := p.and()
	for p.is("OR") {
		found = found.or(p.and(), p.key.Most)
	}
	return found
}

func (p *parser) and() Set {
	found := p.not()
	for p.is("AND") {
		found = found.and(p.not())
	}
	return found
}

func (p *parser) not() Set {
	if !p.is("NOT") {
		return p.primary()
	}
	if !p.deeper() {
		return Set{}
	}
	p.not()
	p.depth--
	return everything(Negated)
}

func (p *parser) deeper() bool {
	p.depth++
	p.bad = p.bad || p.depth > maxNesting
	return !p.bad
}

// primary reads an expression in parentheses or one condition.
func (p *parser) primary() Set {
	if p.kind == tokenMark && p.token == "(" {
		if !p.deeper() {
			return Set{}
		}
		p.next()
		found := p.or()
		p.mark(")")
		p.depth--
		return found
	}
	if p.kind == tokenWord && isGeo(p.token) {
		p.arguments()
		return everything(OtherField)
	}
	field := p.value()
	if strings.HasPrefix(field, "_vectors") || strings.HasPrefix(field, "_foreign") {
		p.bad = true // conditions of forms of their own
	}
	if p.key.fields != nil && !p.bad {
		p.key.fields[field] = true
	}
	return p.condition(field == p.key.Name)
}

// isGeo says whether a word is a function of numbers in parentheses.
func isGeo(word string) bool {
	return word == "_geoRadius" || word == "_geoBoundingBox" || word == "_geoPolygon"
}

// condition reads what follows a field. A condition on the primary key narrows where it is an equality.
func (p *parser) condition(primary bool) Set {
	why := OtherField
	if primary {
		why = Compared
	}
	kind, token := p.kind, p.token
	p.next()
	switch {
	case kind == tokenMark && token == "=":
		value := p.value()
		if primary && !p.bad {
			return bounded(p.key.equalTo(value), p.key.Most)
		}
	case kind == tokenMark && strings.ContainsAny(token, "!<>") && token != "!":
		p.value()
	case kind == tokenWord && token == "IN":
		return p.list(primary)
	case kind == tokenWord && token == "NOT":
		p.negated()
		return everything(Negated)
	case kind == tokenWord && token == "IS":
		p.is("NOT")
		if !p.is("NULL") && !p.is("EMPTY") {
			p.bad = true
		}
	case kind == tokenWord && token == "EXISTS":
	case kind == tokenWord && token == "CONTAINS":
		p.value()
	case kind == tokenWord && token == "STARTS":
		p.expect("WITH")
		p.value()
	case kind == tokenQuoted || kind == tokenWord && !isKeyword(token): // from TO to
		p.expect("TO")
		p.value()
	default:
		p.bad = true
	}
	return everything(why)
}

// negated reads what follows a field and NOT.
func (p *parser) negated() {
	switch {
	case p.is("IN"):
		p.list(false)
	case p.is("EXISTS"):
	case p.is("CONTAINS"):
		p.value()
	case p.is("STARTS"):
		p.expect("WITH")
		p.value()
	default:
		p.bad = true
	}
}

// list reads the values of IN.
func (p *parser) list(primary bool) Set {
	p.mark("[")
	found := Set{Why: Named}
	for !p.bad && (p.kind != tokenMark || p.token != "]") {
		value := p.value()
		if primary && !found.All {
			if one := p.key.equalTo(value); one.All {
				found = one
			} else {
				found.IDs = append(found.IDs, one.IDs...)
			}
		}
		if p.kind != tokenMark || p.token != "," {
			break
		}
		p.next()
	}
	p.mark("]")
	if !primary {
		return everything(OtherField)
	}
	if found.All {
		return found
	}
	return bounded(named(found.IDs), p.key.Most)
}

// value reads a field or a value.
func (p *parser) value() string {
	value := p.token
	if p.kind != tokenQuoted && (p.kind != tokenWord || isKeyword(value) || isGeo(value)) {
		p.bad = true
	}
	p.next()
	return value
}

// is takes a keyword if it is next.
func (p *parser) is(keyword string) bool {
	if p.bad || p.kind != tokenWord || p.token != keyword {
		return false
	}
	p.next()
	return true
}

func (p *parser) expect(keyword string) {
	if !p.is(keyword) {
		p.bad = true
	}
}

func (p *parser) mark(want string) {
	if p.kind != tokenMark || p.token != want {
		p.bad = true
	}
	p.next()
}
