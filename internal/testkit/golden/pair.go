package golden

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/miroir-search/miroir/internal/testkit/jsondiff"
)

// Pair sends the same requests to a reference, which is a node, and to a target. Neither has ever been used.
type Pair struct {
	reference, target session
	// Normal makes of an answer what is to be compared. nil: the answer itself.
	Normal func(r Request, body any) any
	n      int
	made   bool
}

// NewPair begins with nothing sent.
func NewPair(reference, target Target) *Pair {
	begin := func(t Target) session {
		return session{target: t, client: &http.Client{Transport: &http.Transport{}}, uids: &uids{}}
	}
	return &Pair{reference: begin(reference), target: begin(target)}
}

// Close ends the connections.
func (p *Pair) Close() {
	p.reference.client.CloseIdleConnections()
	p.target.client.CloseIdleConnections()
}

// Tasks is how many tasks the reference has made so far.
func (p *Pair) Tasks() int { return len(p.reference.uids.made) }

// Ask is Send without the comparison: the bodies of both answers.
func (p *Pair) Ask(ctx context.Context, r Request) (want, got any, err error) {
	w, g, err := p.both(ctx, r)
	return w.body, g.body, err
}

// both sends a request to the reference and then to the target. A task of the target alone is a difference, and counts for nothing else.
func (p *Pair) both(ctx context.Context, r Request) (want, got answered, err error) {
	want, err = p.reference.ask(ctx, r)
	if errors.Is(err, io.EOF) {
		return want, got, fmt.Errorf("%w: %s %s", ErrNoAnswer, r.Method, r.Path)
	}
	if err != nil {
		return want, got, fmt.Errorf("reference, %s %s: %w", r.Method, r.Path, err)
	}
	p.reference.uids.add(nil, want.body)
	if got, err = p.target.ask(ctx, r); err != nil {
		return want, got, fmt.Errorf("target, %s %s: %w", r.Method, r.Path, err)
	}
	if _, made := taskUID(want.body); made {
		p.target.uids.add(want.body, got.body)
	}
	return want, got, nil
}

// Made says whether the last request made a task, or may have.
func (p *Pair) Made() bool { return p.made }

// ErrNoAnswer says that the reference closed the connection instead of answering, as a node does that panics over a request. The
// target is not asked then.
var ErrNoAnswer = errors.New("the reference gave no answer")

// Send sends a request to both, one after the other, waits for the tasks that it makes, and returns what differs. A `{task:N}` in the
// path stands for the uid of the N-th task. An error means that there is nothing to compare.
func (p *Pair) Send(ctx context.Context, r Request) ([]Difference, error) {
	p.made = true
	want, got, err := p.both(ctx, r)
	if err != nil {
		return nil, err
	}
	_, made := taskUID(want.body)
	_, alone := taskUID(got.body)
	p.made = made || alone
	var found []Difference
	report := func(path, want, got string) {
		found = append(found, Difference{N: p.n, Path: path, Want: want, Got: got})
	}
	p.n++
	if want.status != got.status {
		report("/status", fmt.Sprint(want.status), fmt.Sprint(got.status))
	}
	if want.contentType != got.contentType {
		report("/contentType", want.contentType, got.contentType)
	}
	normal := func(body any) any {
		if p.Normal == nil {
			return body
		}
		return p.Normal(r, body)
	}
	compare("/body", p.target.uids.translate(normal(want.body)), normal(got.body), report)
	if want.task != nil && got.task != nil {
		compare("/task", p.target.uids.translate(want.task), got.task, report)
	}
	return found, nil
}

// answered is what came of one request. task is the finished task, nil when none was made.
type answered struct {
	status      int
	contentType string
	body, task  any
}

// ask sends a request and waits for the task that it makes.
func (s session) ask(ctx context.Context, r Request) (answered, error) {
	r.Path = s.uids.place(r.Path)
	status, header, raw, err := s.send(ctx, r)
	if err != nil {
		return answered{}, err
	}
	a := answered{status: status, contentType: header.Get("Content-Type")}
	if a.body, err = jsondiff.Decode(raw); err != nil {
		a.body = string(raw) // not JSON: compared like any other value
	}
	if uid, made := taskUID(a.body); made {
		a.task, err = s.await(ctx, uid)
	}
	return a, err
}
