package state

import (
	"context"

	"github.com/miroir-search/miroir/internal/key"
)

// Keys reads all API keys from the store itself, by uid. A record that can not be read is an error: whoever takes a copy of
// the keys must not lose one.
func (c *Client) Keys(ctx context.Context) ([]key.Record, error) {
	var list []key.Record
	err := c.each(ctx, familyKeys, func(name string, value []byte) error {
		r, err := key.Decode(name, value)
		list = append(list, r)
		return err
	})
	return list, err
}
