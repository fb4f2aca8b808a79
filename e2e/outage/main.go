package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"time"

	"github.com/miroir-search/miroir/e2e/inside"
	"github.com/miroir-search/miroir/e2e/provider"
)

const (
	index   = "things"
	longest = 10 * time.Minute
)

func main() {
	var o options
	flag.IntVar(&o.documents, "documents", 20_000, "documents of the index")
	flag.DurationVar(&o.down, "down", 25*time.Second, "how long what was killed stays down, longer than a lease")
	flag.StringVar(&o.only, "only", "", "kill only what has this in its name")
	flag.IntVar(&o.minutes, "minutes", 0, "minutes of the load of writes; 0 leaves it out")
	flag.IntVar(&o.rate, "rate", 500, "documents a second of that load")
	flag.IntVar(&o.gateways, "gateways", 1, "gateways")
	flag.IntVar(&o.coordinators, "coordinators", 1, "coordinators")
	flag.BoolVar(&o.spare, "no-kills", false, "kill nothing")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "outage:", err)
		os.Exit(1)
	}
}

type options struct {
	documents, minutes, rate int
	gateways, coordinators   int
	down                     time.Duration
	only                     string
	spare                    bool
}

// scene is the cluster at work.
type scene struct {
	*provider.Local
	load *load
}

func run(ctx context.Context, o options) (err error) {
	cluster, err := provider.StartLocal(ctx, ".", provider.Options{
		Nodes: 3, Groups: 1, Replicas: 2, Shards: 16, StayDown: true,
		Flags: []string{"--gateways", strconv.Itoa(o.gateways), "--coordinators", strconv.Itoa(o.coordinators)},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	s := &scene{cluster, &load{url: cluster.URL(), key: cluster.MasterKey(), documents: o.documents}}
	if err := s.fill(ctx, o.documents); err != nil {
		return err
	}
	if !o.spare {
		if err := s.kills(ctx, o.down, o.only); err != nil {
			return err
		}
	}
	if o.minutes > 0 {
		return s.soak(ctx, o.minutes, o.rate, o.documents)
	}
	return nil
}

func (s *scene) until(ctx context.Context, try func() error) error {
	return inside.Until(ctx, longest, try)
}

// fill writes the documents and waits for the last of them.
func (s *scene) fill(ctx context.Context, documents int) error {
	const batch = 5_000
	for from := 0; from < documents; from += batch {
		var some []map[string]any
		for n := from; n < min(from+batch, documents); n++ {
			some = append(some, document(n))
		}
		if err := s.write(some); err != nil {
			return err
		}
	}
	in, err := inside.Look(ctx, s)
	if err != nil {
		return err
	}
	return s.until(ctx, func() error { return errors.Join(in.Clean(), in.Idle()) })
}

// write writes documents, once.
func (s *scene) write(some []map[string]any) error {
	status := 0
	_, answer, err := s.load.send(http.MethodPost, "/indexes/"+index+"/documents", some, &status)
	if err == nil && status != http.StatusAccepted {
		err = fmt.Errorf("write: status %d: %s", status, answer)
	}
	if err == nil && !json.Valid(answer) {
		err = fmt.Errorf("write: %s", answer)
	}
	return err
}
