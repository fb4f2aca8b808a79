package tuning

import (
	"encoding/json"
	"errors"
	"fmt"
)

// ErrInvalid says that a change sets something that does not exist or may not be.
var ErrInvalid = errors.New("invalid configuration")

// Merge changes what is set by a JSON merge patch (RFC 7396): a null takes a value back to its default. The error is
// ErrInvalid with everything that is wrong.
func Merge(set, patch json.RawMessage) (json.RawMessage, Live, error) {
	var from, by map[string]any
	if len(set) > 0 {
		if err := json.Unmarshal(set, &from); err != nil {
			return nil, Live{}, fmt.Errorf("merge: %w", err)
		}
	}
	if err := json.Unmarshal(patch, &by); err != nil || by == nil {
		return nil, Live{}, fmt.Errorf("%w: the change is not an object", ErrInvalid)
	}
	merged, err := json.Marshal(merge(from, by))
	if err != nil {
		return nil, Live{}, fmt.Errorf("merge: %w", err)
	}
	live, err := Check(merged)
	if err != nil {
		return nil, live, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return merged, live, nil
}

// merge applies a patch to an object, which may be nil. encoding/json writes keys in ascending order, so what is stored
// depends on the values alone.
func merge(into, by map[string]any) map[string]any {
	if into == nil {
		into = map[string]any{}
	}
	for name, v := range by {
		switch v := v.(type) {
		case nil:
			delete(into, name)
		case map[string]any:
			inner, _ := into[name].(map[string]any)
			into[name] = merge(inner, v)
		default:
			into[name] = v
		}
	}
	return into
}
