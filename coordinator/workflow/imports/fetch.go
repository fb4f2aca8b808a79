package imports

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
)

// answerTime is how long a server may take to begin its answer. A dump itself may take as long as it needs.
const answerTime = 30 * time.Second

// longestWay is how many redirections are followed.
const longestWay = 5

// Fetch takes a whole file from a URL of a host that is allowed. It returns when the file is here.
func (m *Importer) Fetch(ctx context.Context, o Options, from string) (Status, error) {
	u, err := url.Parse(from)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return Status{}, apierr.New(apierr.MiroirConfigInvalid, "`url` must be an http or https URL.")
	}
	if !m.mayAsk(u) {
		return Status{}, apierr.New(apierr.MiroirConfigInvalid, "Dumps are not fetched from the host `%s`.", u.Host)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return Status{}, apierr.New(apierr.MiroirConfigInvalid, "`url` can not be used.")
	}
	transport := &http.Transport{
		DialContext: (&net.Dialer{Timeout: answerTime}).DialContext, TLSHandshakeTimeout: answerTime, ResponseHeaderTimeout: answerTime,
		DisableCompression: true, // the file is what is served, byte for byte
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: func(next *http.Request, via []*http.Request) error {
		if len(via) > longestWay || !m.mayAsk(next.URL) {
			return errElsewhere
		}
		return nil
	}}
	res, err := client.Do(r)
	if err != nil {
		return Status{}, unfetched(ctx, u, err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return Status{}, apierr.New(apierr.MiroirConfigInvalid, "The host `%s` answered %d instead of a dump.", u.Host, res.StatusCode)
	}
	if res.ContentLength > m.Limits.MaxBytes {
		return Status{}, tooLarge(res.ContentLength, m.Limits.MaxBytes)
	}
	body := &watched{from: res.Body}
	status, err := m.Receive(ctx, o, body)
	if body.failed != nil {
		return Status{}, unfetched(ctx, u, body.failed)
	}
	return status, err
}

// watched remembers how reading failed.
type watched struct {
	from   io.Reader
	failed error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.from.Read(p)
	if err != nil && !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		w.failed = err
	}
	return n, err
}

var errElsewhere = errors.New("it leads to a host that is not allowed")

// unfetched is why a dump could not be fetched, without the URL: it may hold a secret.
func unfetched(ctx context.Context, u *url.URL, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return apierr.New(apierr.MiroirConfigInvalid, "The dump could not be fetched from the host `%s`: %s.", u.Host, err)
}

// mayAsk says whether a URL is one of a host that is allowed: with its port, or without one for any.
func (m *Importer) mayAsk(u *url.URL) bool {
	return slices.ContainsFunc(m.Hosts, func(host string) bool {
		return strings.EqualFold(host, u.Host) || strings.EqualFold(host, u.Hostname())
	})
}

func tooLarge(size, most int64) *apierr.Error {
	return apierr.New(apierr.PayloadTooLarge, "A dump of %d bytes is larger than the %d that are taken.", size, most)
}
