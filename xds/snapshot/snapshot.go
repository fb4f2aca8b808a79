package snapshot

import (
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/protobuf/proto"

	"github.com/miroir-search/miroir/xds/translate"
)

// Errors of Build and Keeper.Offer.
var (
	ErrInconsistent = errors.New("inconsistent envoy resources")
	ErrStale        = errors.New("envoy snapshot is older than the current one")
	ErrReused       = errors.New("envoy snapshot differs from the current one of the same revision")
)

// Types are the resource types of a snapshot, in the order in which a new one has to arrive: what is named comes before
// what names it.
func Types() []string {
	return []string{resourcev3.ClusterType, resourcev3.ListenerType, resourcev3.RouteType}
}

// Snapshot is one consistent set of resources. It is immutable.
type Snapshot struct {
	revision int64
	cached   *cachev3.Snapshot
	refs     references
	versions map[string]map[string]string
}

// Revision is what the snapshot was made from.
func (s *Snapshot) Revision() int64 { return s.revision }

// Version is the revision as it travels.
func (s *Snapshot) Version() string { return strconv.FormatInt(s.revision, 10) }

// ParseVersion reads a version that came back.
func ParseVersion(version string) (int64, error) {
	n, err := strconv.ParseInt(version, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("version is not a revision: %w", err)
	}
	return n, nil
}

// Cached is the snapshot in the control-plane library's own form.
func (s *Snapshot) Cached() cachev3.ResourceSnapshot { return s.cached }

// Versions gives a version per resource of one type that depends on nothing but its content.
func (s *Snapshot) Versions(typeURL string) map[string]string { return s.versions[typeURL] }

// SameContent tells whether two snapshots hold the same resources of one type.
func (s *Snapshot) SameContent(other *Snapshot, typeURL string) bool {
	a, b := s.versions[typeURL], other.versions[typeURL]
	if len(a) != len(b) {
		return false
	}
	for name, version := range a {
		if b[name] != version {
			return false
		}
	}
	return true
}

// Build checks resources and makes a snapshot of them.
func Build(res translate.Resources, revision int64) (*Snapshot, error) {
	if revision <= 0 {
		return nil, fmt.Errorf("%w: revision %d is not positive", ErrInconsistent, revision)
	}
	refs, err := check(res)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInconsistent, err)
	}
	s := &Snapshot{revision: revision, refs: refs, versions: map[string]map[string]string{}}
	s.cached, err = cachev3.NewSnapshot(s.Version(), map[resourcev3.Type][]types.Resource{
		resourcev3.ClusterType:  asResources(res.Clusters),
		resourcev3.ListenerType: asResources(res.Listeners),
		resourcev3.RouteType:    asResources(res.Routes),
	})
	if err != nil {
		return nil, fmt.Errorf("build snapshot: %w", err)
	}
	// Computed now: the library would do it under its lock at the first request.
	if err := s.cached.ConstructVersionMap(); err != nil {
		return nil, fmt.Errorf("compute resource versions: %w", err)
	}
	for _, typeURL := range Types() {
		s.versions[typeURL] = s.cached.GetVersionMap(typeURL)
	}
	return s, nil
}

func asResources[M proto.Message](list []M) []types.Resource {
	out := make([]types.Resource, len(list))
	for i, m := range list {
		out[i] = m
	}
	return out
}

// Keeper holds the last good snapshot. The zero value holds none.
type Keeper struct {
	mu      sync.Mutex
	current *Snapshot
}

// Current is the last good snapshot, nil before the first.
func (k *Keeper) Current() *Snapshot {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.current
}

// Offer makes a snapshot the current one, or says why it may not be. It reports false without an error when the current
// snapshot is the same one.
func (k *Keeper) Offer(next *Snapshot) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	prev := k.current
	if prev == nil {
		k.current = next
		return true, nil
	}
	switch {
	case next.revision < prev.revision:
		return false, fmt.Errorf("%w: %d after %d", ErrStale, next.revision, prev.revision)
	case next.revision == prev.revision:
		for _, typeURL := range Types() {
			if !next.SameContent(prev, typeURL) {
				return false, fmt.Errorf("%w: revision %d, %s", ErrReused, next.revision, typeURL)
			}
		}
		return false, nil
	}
	if err := keepsWhatIsUsed(prev, next); err != nil {
		return false, fmt.Errorf("%w: %w", ErrInconsistent, err)
	}
	k.current = next
	return true, nil
}

// keepsWhatIsUsed refuses to take away a cluster that the listeners and routes now in use lead to: clusters are removed
// before the new routes arrive, and requests in between would find nothing.
func keepsWhatIsUsed(prev, next *Snapshot) error {
	have := next.versions[resourcev3.ClusterType]
	for _, name := range prev.refs.clusters {
		if _, ok := have[name]; !ok {
			return fmt.Errorf("cluster %q is removed while revision %d still leads to it", name, prev.revision)
		}
	}
	return nil
}
