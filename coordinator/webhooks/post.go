package webhooks

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/rawjson"
	"github.com/miroir-search/miroir/internal/seal"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/taskview"
	"github.com/miroir-search/miroir/internal/telemetry"
)

// requestTime is how long one request may take, Meilisearch's own bound.
const requestTime = 30 * time.Second

// client makes requests to addresses that the policy allows. It follows no redirection and no proxy.
func client(allowed Networks) *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, Control: allowed.control}
	return &http.Client{
		Timeout:       requestTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: dialer.DialContext, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second,
			MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10,
		},
	}
}

// lines writes tasks as clients see them, one a line, compressed, until they are enough for one request; n is how many those
// are. unopened is the first error about secrets that could not be opened: the lines are without them.
func lines(tasks []state.Ended, box *seal.Box) (body []byte, n int, unopened error, err error) {
	var out bytes.Buffer
	gz := gzip.NewWriter(&out)
	for size := 0; n < len(tasks); n++ {
		view, e := taskview.Of(&tasks[n].Record, box)
		if e != nil && unopened == nil {
			unopened = e
		}
		line, err := rawjson.Marshal(view)
		if err != nil {
			return nil, 0, unopened, err
		}
		if size += len(line) + 1; n > 0 && size > mostBytes {
			break
		}
		if _, err := gz.Write(append(line, '\n')); err != nil {
			return nil, 0, unopened, err
		}
	}
	if err := gz.Close(); err != nil {
		return nil, 0, unopened, err
	}
	return out.Bytes(), n, unopened, nil
}

// post sends lines to a webhook. The error says why there was no answer, without the URL: it may hold a secret.
func post(ctx context.Context, c *http.Client, w meili.Webhook, body []byte) (status int, err error) {
	// A reader of unknown length is sent in chunks, as Meilisearch does.
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, io.MultiReader(bytes.NewReader(body)))
	if err != nil {
		return 0, fmt.Errorf("the URL can not be used")
	}
	r.Header.Set("User-Agent", "Miroir/"+telemetry.ReadBuild().Version)
	r.Header.Set("Content-Encoding", "gzip")
	r.Header.Set("Content-Type", "application/x-ndjson")
	r.Header.Set("Accept", "*/*")
	for name, value := range w.Headers {
		switch {
		case strings.EqualFold(name, "host"):
			r.Host = value
		case strings.EqualFold(name, "user-agent"):
			r.Header.Set(name, value)
		default:
			r.Header.Add(name, value)
		}
	}
	res, err := c.Do(r)
	if err != nil {
		return 0, withoutURL(err)
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // what is short enough leaves the connection to the next request
	return res.StatusCode, res.Body.Close()
}
