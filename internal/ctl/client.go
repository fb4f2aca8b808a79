package ctl

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/miroir-search/miroir/internal/lifecycle"
)

// Exit codes beyond those of every binary (CT-4).
const (
	exitAuth     = 3
	exitDegraded = 4
	exitTimeout  = 5
	exitConflict = 6
)

// maxDocument bounds an answer of the API.
const maxDocument = 64 << 20

// client asks the admin API.
type client struct {
	server    string
	key       string
	requestID string
	http      *http.Client
}

func newClient(server, key, caFile string, insecure bool, requestID string) (*client, error) {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, lifecycle.UsageError("the server must be an http or https URL")
	}
	config := &tls.Config{InsecureSkipVerify: insecure, MinVersion: tls.VersionTLS12} //nolint:gosec // only where the operator asks for it
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fmt.Errorf("--ca-file: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, lifecycle.UsageError("--ca-file %s holds no certificate", caFile)
		}
	}
	transport := &http.Transport{TLSClientConfig: config, Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}
	return &client{
		server: strings.TrimSuffix(server, "/"), key: key, requestID: requestID,
		http: &http.Client{
			Transport: transport,
			// The key goes to the server that was named, and to nobody whom that one points to.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// request is one question to the API.
type request struct {
	method, path string
	body         io.Reader // nil for none
	size         int64     // of the body
	media        string    // of the body
	header       map[string]string
}

// send sends a request. The answer's body must be closed.
func (c *client) send(ctx context.Context, r request) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, c.server+r.path, r.body)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", c.server, err)
	}
	if r.body != nil {
		req.ContentLength = r.size
		req.Header.Set("Content-Type", r.media)
	}
	req.Header.Set("X-Admin-Key", c.key)
	if c.requestID != "" {
		req.Header.Set("X-Request-Id", c.requestID)
	}
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, unanswered(ctx, c.server, err)
	}
	return res, nil
}

// errNoAnswer says that the server gave no answer: it is not there, or the connection broke.
var errNoAnswer = errors.New("no answer")

func unanswered(ctx context.Context, server string, err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return lifecycle.ExitError{Code: exitTimeout, Err: fmt.Errorf("%w from %s in time", errNoAnswer, server)}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return fmt.Errorf("%w from %s: %w", errNoAnswer, server, err)
}

// ask sends a request and reads the document that answers it.
func (c *client) ask(ctx context.Context, r request) (json.RawMessage, error) {
	res, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxDocument))
	if err != nil {
		return nil, unanswered(ctx, c.server, err)
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		return nil, refused(res.StatusCode, body)
	}
	body = bytes.TrimSpace(body)
	if len(body) > 0 && !json.Valid(body) {
		return nil, fmt.Errorf("%s does not answer like a Miroir", c.server)
	}
	return body, nil
}

// refusal is an error that the API answered with.
type refusal struct {
	status        int
	code, message string
}

func (r refusal) Error() string {
	if r.code != "" {
		return fmt.Sprintf("%s (%s)", r.message, r.code)
	}
	return fmt.Sprintf("%s (%d)", r.message, r.status)
}

// refused turns an error answer into an error with the right exit code.
func refused(status int, body []byte) error {
	told := refusal{status: status, message: http.StatusText(status)}
	var known struct{ Message, Code string }
	if err := json.Unmarshal(body, &known); err == nil && known.Message != "" {
		told.message, told.code = known.Message, known.Code
	}
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return lifecycle.ExitError{Code: exitAuth, Err: told}
	case http.StatusConflict:
		return lifecycle.ExitError{Code: exitConflict, Err: told}
	case http.StatusGatewayTimeout:
		return lifecycle.ExitError{Code: exitTimeout, Err: told}
	}
	return told
}

// do asks the API under the tool's own timeout and reads the answer into a value, which may be nil.
func (t *tool) do(ctx context.Context, method, path string, body, into any) (json.RawMessage, error) {
	if err := t.checkOutput(); err != nil {
		return nil, err
	}
	c, err := t.connect()
	if err != nil {
		return nil, err
	}
	r := request{method: method, path: path, media: "application/json"}
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		r.body, r.size = bytes.NewReader(raw), int64(len(raw))
	}
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	document, err := c.ask(ctx, r)
	if err != nil || into == nil || len(document) == 0 {
		return document, err
	}
	if err := json.Unmarshal(document, into); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return document, nil
}
