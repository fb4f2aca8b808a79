package serve

import (
	"context"
	"errors"

	"github.com/miroir-search/miroir/gateway/write"
	"github.com/miroir-search/miroir/internal/routing"
)

// errMoved says that an index's name points to another index by now.
var errMoved = errors.New("the index was exchanged for another")

// admitCase makes an index one whose ids may differ in case, before the first write of an id with an upper-case letter is
// sent anywhere. Engines find such ids by values in any case, so gateways that go on to narrow by letters would miss them:
// the write barrier shows that all of them have heard of it.
func (s *Service) admitCase(ctx context.Context, ix *routing.Index, batch *write.Batch) error {
	if !batch.Mixed || ix.PKCase == routing.PKMixed || ix.PKCase == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.Limits.State)
	defer cancel()
	if err := s.setCase(ctx, ix, routing.PKMixing); err != nil {
		return err
	}
	_, open, err := s.Barrier.Close(ctx, ix.Physical)
	if err != nil {
		return err
	}
	open()
	return s.setCase(ctx, ix, routing.PKMixed)
}

// setCase moves the record on; it never goes back.
func (s *Service) setCase(ctx context.Context, ix *routing.Index, to routing.PKCase) error {
	_, err := s.Store.UpdateIndex(ctx, ix.UID, func(rec *routing.IndexRecord) error {
		switch {
		case rec.Physical != ix.Physical:
			return errMoved
		case rec.PKCase != routing.PKMixed:
			rec.PKCase = to
		}
		return nil
	})
	return err
}
