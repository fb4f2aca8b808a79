package workload

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/meilisearch/meilisearch-go"

	"github.com/miroir-search/miroir/chaos/history"
)

// Retries of an application that uses the SDK.
const (
	statusRetries = 6                // of the SDK, on 502, 503 and 504: after 1, 2, 3 … seconds
	dialRetries   = 7                // of its HTTP client, on broken connections: after 0.1, 0.2, 0.4 … seconds
	sdkTime       = 60 * time.Second // for one call, its retries included
)

// UseSDK makes the client carry out requests by the official Go SDK with its retries. An HTTP client beneath it, which the SDK lets
// applications choose, sends again what met a broken connection.
func (c *Client) UseSDK() {
	c.sdk = meilisearch.New(c.URL, meilisearch.WithAPIKey(c.Key), meilisearch.WithCustomClient(&http.Client{Transport: patient{c.HTTP.Transport}}),
		meilisearch.WithCustomRetries([]int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}, statusRetries))
}

// exchange is what the last attempt of a call came to, and the body of all of them.
type exchange struct {
	body   []byte
	read   bool // the body was taken from the SDK
	status int
	header http.Header
	answer []byte
}

// exchangeKey is that of the exchange in the context of a call.
type exchangeKey struct{}

// patient sends a request again whose connection was broken. It keeps bodies, for the SDK sends an empty one at its second attempt,
// and what was answered, for the SDK keeps headers to itself.
type patient struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (p patient) RoundTrip(req *http.Request) (*http.Response, error) {
	x, ok := req.Context().Value(exchangeKey{}).(*exchange)
	if !ok {
		return nil, errors.New("a call without an exchange")
	}
	if req.Body != nil && !x.read {
		var err error
		if x.body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
	}
	x.read = true
	wait := firstWait
	for tries := 0; ; tries++ {
		again := req.Clone(req.Context())
		again.Body, again.ContentLength = http.NoBody, int64(len(x.body))
		if len(x.body) > 0 {
			again.Body = io.NopCloser(bytes.NewReader(x.body))
		}
		res, err := x.attempt(p.RoundTripper, again)
		if err == nil || tries == dialRetries || req.Context().Err() != nil {
			return res, err
		}
		pause(req.Context(), wait)
		wait *= 2
	}
}

// attempt is one attempt, to the end of its answer: a connection may break there, too.
func (x *exchange) attempt(by http.RoundTripper, req *http.Request) (*http.Response, error) {
	x.status = 0
	res, err := by.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		return nil, err
	}
	x.status, x.header, x.answer = res.StatusCode, res.Header, answer
	res.Body = io.NopCloser(bytes.NewReader(answer))
	return res, nil
}

// bySDK carries out a request about documents by the SDK. Its errors about answers are left to whoever reads them.
func (c *Client) bySDK(o history.Op) (int, http.Header, []byte, error) {
	x := &exchange{}
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), exchangeKey{}, x), sdkTime)
	defer cancel()
	err := c.call(ctx, o)
	if x.status == 0 {
		return 0, nil, nil, errors.Join(errors.New("the SDK gave up"), err)
	}
	if err != nil && x.status < http.StatusBadRequest {
		return 0, nil, nil, fmt.Errorf("the SDK did not understand the answer: %w", err)
	}
	return x.status, x.header, x.answer, nil
}

func (c *Client) call(ctx context.Context, o history.Op) (err error) {
	index := c.sdk.Index(c.Index)
	switch o.Kind {
	case history.Put:
		_, err = index.AddDocumentsWithContext(ctx, listed(o), nil)
	case history.Merge:
		_, err = index.UpdateDocumentsWithContext(ctx, listed(o), nil)
	case history.Delete:
		_, err = index.DeleteDocumentsWithContext(ctx, o.IDs, nil)
	case history.Filter:
		_, err = index.DeleteDocumentsByFilterWithContext(ctx, groupFilter(o), nil)
	case history.Clear:
		_, err = index.DeleteAllDocumentsWithContext(ctx, nil)
	case history.Get:
		err = index.GetDocumentWithContext(ctx, o.IDs[0], nil, &map[string]any{})
	case history.List:
		err = index.GetDocumentsWithContext(ctx, &meilisearch.DocumentsQuery{Limit: most}, &meilisearch.DocumentsResult{})
	case history.Search:
		hits := int64(most)
		_, err = index.SearchWithContext(ctx, "", &meilisearch.SearchRequest{Page: 1, HitsPerPage: &hits, Facets: []string{history.Group}})
	default:
		err = fmt.Errorf("%s is not carried out by the SDK", o.Kind)
	}
	return err
}
