package state

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// FamilyCoordinators starts the keys under which coordinators are present.
const FamilyCoordinators = "members/coordinator/"

// CoordinatorRecord is members/coordinator/<id>, kept under the coordinator's lease.
type CoordinatorRecord struct {
	V         int       `json:"v"`
	Address   string    `json:"address"` // of its admin API
	Version   string    `json:"version"`
	StartedAt time.Time `json:"started_at"`
	Dumps     bool      `json:"dumps,omitempty"` // it has a folder for dumps
}

// FamilyGateways starts the keys under which gateways are present.
const FamilyGateways = "members/gateway/"

// GatewayRecord is members/gateway/<id>, kept under the gateway's lease.
type GatewayRecord struct {
	V         int       `json:"v"`
	ID        string    `json:"id"`
	StartedAt time.Time `json:"started_at"`
	Epoch     int64     `json:"revision_acked"` // of the view that it routes by
}

// Gateways reads which gateways are present, by id.
func (c *Client) Gateways(ctx context.Context) (map[string]GatewayRecord, error) {
	list := map[string]GatewayRecord{}
	err := c.each(ctx, FamilyGateways, func(id string, value []byte) error {
		var r GatewayRecord
		if err := json.Unmarshal(value, &r); err != nil {
			return fmt.Errorf("decode gateway %s: %w", id, err)
		}
		list[id] = r
		return nil
	})
	return list, err
}

// Coordinators reads which coordinators are present, by id.
func (c *Client) Coordinators(ctx context.Context) (map[string]CoordinatorRecord, error) {
	list := map[string]CoordinatorRecord{}
	err := c.each(ctx, FamilyCoordinators, func(id string, value []byte) error {
		var r CoordinatorRecord
		if err := json.Unmarshal(value, &r); err != nil {
			return fmt.Errorf("decode coordinator %s: %w", id, err)
		}
		list[id] = r
		return nil
	})
	return list, err
}
