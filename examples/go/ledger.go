package main

import (
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/meilisearch/meilisearch-go"
)

// ledger notes every method of the package that sends a request, by name: how often, how long; and what was refused or went
// wrong. It is the transport of the clients: who called is read from the stack, so that nobody has to say it.
type ledger struct {
	calls    map[string][]time.Duration
	refused  map[string]string
	failures []string
	waits    []time.Duration
	status   int // of the last answer
}

func newLedger() *ledger {
	return &ledger{calls: map[string][]time.Duration{}, refused: map[string]string{}}
}

// owners are the types of the package that do the work, and the names under which they are public.
var owners = map[string]string{"(*meilisearch)": "ServiceManager", "(*index)": "IndexManager", "(*ExperimentalFeatures)": "ExperimentalFeatures"}

// RoundTrip implements http.RoundTripper.
func (l *ledger) RoundTrip(r *http.Request) (*http.Response, error) {
	start := time.Now()
	answer, err := http.DefaultTransport.RoundTrip(r)
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	for more := true; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		_, called, found := strings.Cut(frame.Function, "/meilisearch-go.")
		owner, method, _ := strings.Cut(called, ".")
		if public := owners[owner]; found && public != "" {
			l.calls[public+"."+method] = append(l.calls[public+"."+method], time.Since(start))
		}
	}
	if answer != nil {
		l.status = answer.StatusCode
	}
	return answer, err
}

// note enters methods that send no request.
func (l *ledger) note(names ...string) {
	for _, name := range names {
		l.calls[name] = append(l.calls[name], 0)
	}
}

// part runs one part of the tour; a failure does not keep the others from running.
func (l *ledger) part(name string, run func()) {
	start := time.Now()
	defer func() {
		if e := recover(); e != nil {
			l.failures = append(l.failures, name)
			fmt.Printf("FAILED  %s\n        %v\n%s", name, e, places())
			return
		}
		fmt.Printf("passed  %s  %.2f s\n", name, time.Since(start).Seconds())
	}()
	run()
}

// places are the lines of the tour on the stack.
func places() string {
	var b strings.Builder
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for more := true; more; {
		var frame runtime.Frame
		if frame, more = frames.Next(); strings.HasPrefix(frame.Function, "main.") {
			fmt.Fprintf(&b, "        %s:%d\n", frame.File, frame.Line)
		}
	}
	return b.String()
}

// methods are all that the package offers.
func methods() []string {
	var names []string
	for owner, t := range map[string]reflect.Type{
		"ServiceManager": reflect.TypeFor[meilisearch.ServiceManager](), "IndexManager": reflect.TypeFor[meilisearch.IndexManager](),
		"ExperimentalFeatures": reflect.TypeFor[*meilisearch.ExperimentalFeatures](),
	} {
		for i := range t.NumMethod() {
			names = append(names, owner+"."+t.Method(i).Name)
		}
	}
	slices.Sort(names)
	return names
}

// report prints the list of all methods and returns the exit code.
func (l *ledger) report() int {
	fmt.Println()
	all := methods()
	for _, name := range all {
		took, reason := l.calls[name], l.refused[name]
		switch {
		case reason != "":
			fmt.Printf("501     %-60s %s\n", name, reason)
		case len(took) == 0:
			fmt.Printf("MISSED  %s\n", name)
			l.failures = append(l.failures, name+" was never called")
		default:
			var sum time.Duration
			for _, one := range took {
				sum += one
			}
			fmt.Printf("ok      %-60s %4d requests %8.2f ms\n", name, len(took), 1000*sum.Seconds()/float64(len(took)))
		}
	}
	slices.Sort(l.waits)
	if n := len(l.waits); n > 0 {
		fmt.Printf("\n%d tasks were waited for: median %d ms after their end, at most %d ms\n", n, l.waits[n/2].Milliseconds(), l.waits[n-1].Milliseconds())
	}
	fmt.Printf("%d methods, %d of them refused, %d failures\n", len(all), len(l.refused), len(l.failures))
	for _, f := range l.failures {
		fmt.Println("failed:", f)
	}
	for name := range maps.Keys(l.refused) {
		if !slices.Contains(all, name) {
			fmt.Println("failed: there is no method", name)
			return 1
		}
	}
	return min(len(l.failures), 1)
}
