package rig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/miroir-search/miroir/bench/sink"
	"github.com/miroir-search/miroir/dev/launch"
)

// sinkFlags opens a sink before every sidecar and returns the flags that put them there.
func (c *Cluster) sinkFlags() ([]string, error) {
	flags := []string{"--max-body-bytes", strconv.FormatInt(c.Sinks, 10)}
	for i := range c.Nodes {
		purpose := "sidecar-" + strconv.Itoa(i)
		s, err := sink.Listen(func() (string, error) { return launch.PortOf(c.folder, purpose) })
		if err != nil {
			return nil, err
		}
		c.sinks = append(c.sinks, s)
		flags = append(flags, "--via", purpose+"="+s.Address())
	}
	return flags, nil
}

func (c *Cluster) closeSinks() error {
	var errs []error
	for _, s := range c.sinks {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// Swallowed is the number of bytes of documents that reached the sinks.
func (c *Cluster) Swallowed() int64 {
	var sum int64
	for _, s := range c.sinks {
		sum += s.Swallowed()
	}
	return sum
}

// Appear makes an index. Its task is not waited for: what tells the nodes of an index is a leg without documents, which sinks
// swallow as all others.
func (p Place) Appear(ctx context.Context, index string) error {
	body, err := json.Marshal(map[string]string{"uid": index, "primaryKey": "id"})
	if err != nil {
		return fmt.Errorf("appear: %w", err)
	}
	if _, err := p.TaskUID(ctx, http.MethodPost, "/indexes", "application/json", body); err != nil {
		return err
	}
	return p.Call(ctx, http.MethodGet, "/indexes/"+index, "", nil, nil)
}

// Upload streams documents to an index and returns when they are accepted.
func (p Place) Upload(ctx context.Context, index, contentType string, body io.Reader) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.URL+"/indexes/"+index+"/documents", body)
	if err != nil {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	request.Header.Set("Authorization", "Bearer "+p.Key)
	request.Header.Set("Content-Type", contentType)
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusAccepted {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
		return fmt.Errorf("%s: upload: %w", p.Name, &StatusError{response.StatusCode, string(text)})
	}
	var enqueued struct {
		TaskUID *int64 `json:"taskUid"`
	}
	if err := json.NewDecoder(response.Body).Decode(&enqueued); err != nil || enqueued.TaskUID == nil {
		return errors.Join(fmt.Errorf("%s: upload: no task", p.Name), err)
	}
	return nil
}
