package target

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/miroir-search/miroir/bench/query"
	"github.com/miroir-search/miroir/bench/wire"
)

// leg is one request of a search.
type leg struct {
	base    string
	request []byte
}

// Target answers searches.
type Target struct {
	Name     string
	searches [][]leg
}

// Direct is a target that is asked like any Meilisearch: at one base URL with one key.
func Direct(name, base, key, index string, queries []query.Query) (*Target, error) {
	t := &Target{Name: name, searches: make([][]leg, len(queries))}
	for i, q := range queries {
		request, err := wire.Post(base+"/indexes/"+index+"/search", key, q.Body)
		if err != nil {
			return nil, err
		}
		t.searches[i] = []leg{{base, request}}
	}
	return t, nil
}

// Legs counts the requests of all searches.
func (t *Target) Legs() (n int) {
	for _, s := range t.searches {
		n += len(s)
	}
	return n
}

// Open returns sessions, each with connections of its own. Close all of them.
func (t *Target) Open(n int) ([]*Session, error) {
	list := make([]*Session, n)
	for i := range list {
		list[i] = &Session{target: t, conns: map[string]*wire.Conn{}}
		if err := list[i].dial(); err != nil {
			return nil, errors.Join(err, Close(list[:i+1]))
		}
	}
	return list, nil
}

// Close closes sessions.
func Close(list []*Session) error {
	var errs []error
	for _, s := range list {
		for _, c := range s.conns {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}

// Session asks one search at a time.
type Session struct {
	target *Target
	conns  map[string]*wire.Conn
}

func (s *Session) dial() error {
	for _, search := range s.target.searches {
		for _, l := range search {
			if s.conns[l.base] != nil {
				continue
			}
			c, err := wire.Dial(l.base)
			if err != nil {
				return fmt.Errorf("%s: %w", s.target.Name, err)
			}
			s.conns[l.base] = c
		}
	}
	return nil
}

// Renew makes the session's connections ready after a pause.
func (s *Session) Renew() error {
	var errs []error
	for _, c := range s.conns {
		errs = append(errs, c.Renew())
	}
	return errors.Join(errs...)
}

// StatusError is an answer that is no result.
type StatusError struct {
	Target string
	Status int
	Body   string // its beginning
}

// Error implements error.
func (e *StatusError) Error() string {
	return fmt.Sprintf("%s answered %d: %s", e.Target, e.Status, e.Body)
}

// shown is how much of a refusal an error shows.
const shown = 300

// Ask asks one search and reads the whole answer. A *StatusError leaves the session usable.
func (s *Session) Ask(search int) error {
	_, err := s.ask(search, func() io.Writer { return io.Discard })
	return err
}

// Answers asks one search and returns the body of every leg's answer.
func (s *Session) Answers(search int) ([][]byte, error) {
	var bodies []*bytes.Buffer
	_, err := s.ask(search, func() io.Writer {
		bodies = append(bodies, &bytes.Buffer{})
		return bodies[len(bodies)-1]
	})
	list := make([][]byte, len(bodies))
	for i, b := range bodies {
		list[i] = b.Bytes()
	}
	return list, err
}

func (s *Session) ask(search int, sink func() io.Writer) (legs int, err error) {
	list := s.target.searches[search]
	for _, l := range list {
		if err := s.conns[l.base].Send(l.request); err != nil {
			return 0, fmt.Errorf("%s: %w", s.target.Name, err)
		}
	}
	var refused error
	for _, l := range list {
		keep := &refusal{sink: sink()}
		status, err := s.conns[l.base].Receive(keep)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", s.target.Name, err)
		}
		if status != http.StatusOK {
			refused = &StatusError{s.target.Name, status, string(keep.begin)}
		}
	}
	return len(list), refused
}

// refusal keeps the beginning of what passes through.
type refusal struct {
	sink  io.Writer
	begin []byte
}

// Write implements io.Writer.
func (r *refusal) Write(b []byte) (int, error) {
	if room := shown - len(r.begin); room > 0 {
		r.begin = append(r.begin, b[:min(room, len(b))]...)
	}
	return r.sink.Write(b)
}
