package ctl

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	"github.com/miroir-search/miroir/internal/lifecycle"
)

// asked is a search that is to be explained.
type asked struct {
	index, query, filter, body string
	sort                       []string
	limit                      int
	execute                    bool
	ingress                    string
}

func (t *tool) explainCommand() *cobra.Command {
	var in asked
	c := leaf("explain", "Say how a search would run; exit code 4 when not all shards would be asked",
		`miroir-ctl explain --index movies -q alien --filter 'id = m42' --execute`, cobra.NoArgs,
		func(c *cobra.Command, _ []string) error { return t.explain(c, in) })
	flags := c.Flags()
	flags.StringVar(&in.index, "index", "", "index or alias that is searched")
	flags.StringVarP(&in.query, "query", "q", "", "words that are looked for")
	flags.StringVar(&in.filter, "filter", "", "filter of the search")
	flags.StringArrayVar(&in.sort, "sort", nil, "what it is sorted by, for instance year:desc; may be repeated")
	flags.IntVar(&in.limit, "limit", 0, "number of hits (default: Meilisearch's)")
	flags.StringVar(&in.body, "body", "", "the body of the search as JSON, or - to read it; other flags take the place of its members")
	flags.BoolVar(&in.execute, "execute", false, "run it too, and show what every node answered")
	flags.StringVar(&in.ingress, "ingress", "", "URL that clients of the cluster use (env "+envIngress+", then the credentials file, then --server; default "+defaultIngress+")")
	return c
}

// ingressOf is where clients find the cluster: searches are explained by gateways, not by coordinators.
func (t *tool) ingressOf(flag string) func(cluster) string {
	return func(chosen cluster) string {
		if server := t.coordinator(chosen); server != defaultServer {
			return first(flag, os.Getenv(envIngress), chosen.Ingress, server)
		}
		return first(flag, os.Getenv(envIngress), chosen.Ingress, defaultIngress)
	}
}

func (t *tool) explain(c *cobra.Command, in asked) error {
	if in.index == "" {
		return lifecycle.UsageError("--index says which index is searched")
	}
	body, err := in.search(c, t.stdio.In)
	if err != nil {
		return err
	}
	server, err := t.connectTo(t.ingressOf(in.ingress))
	if err != nil {
		return err
	}
	path := "/indexes/" + url.PathEscape(in.index) + "/explain"
	if in.execute {
		path += "?execute=true"
	}
	var told explanation
	document, err := t.do(c.Context(), http.MethodPost, path, body, &told)
	var no refusal
	if errors.As(err, &no) && no.status == http.StatusNotFound && no.code != codeNoIndex {
		return fmt.Errorf("%s does not serve clients: name the URL that they use with --ingress or %s: %w", server.server, envIngress, err)
	}
	if err != nil {
		return err
	}
	if err := t.print(document, told.rows); err != nil {
		return err
	}
	if told.partial() {
		return lifecycle.ExitError{Code: exitDegraded, Err: errUncovered}
	}
	return nil
}

// codeNoIndex is a gateway's own way of not finding something.
const codeNoIndex = "index_not_found"

// search is the body of the search: what was given as such, with the flags that were given instead of its members.
func (in asked) search(c *cobra.Command, stdin io.Reader) (map[string]any, error) {
	raw := []byte(in.body)
	if in.body == "-" {
		var err error
		if raw, err = io.ReadAll(io.LimitReader(stdin, maxDocument)); err != nil {
			return nil, fmt.Errorf("read the search: %w", err)
		}
	}
	body := map[string]any{}
	if len(raw) > 0 {
		var members map[string]json.RawMessage
		if json.Unmarshal(raw, &members) != nil || members == nil {
			return nil, lifecycle.UsageError("--body is no JSON object")
		}
		for name, value := range members {
			body[name] = value // as it stands: what is wrong with it is the cluster's to say
		}
	}
	for flag, member := range map[string]struct {
		name  string
		value any
	}{"query": {"q", in.query}, "filter": {"filter", in.filter}, "sort": {"sort", in.sort}, "limit": {"limit", in.limit}} {
		if c.Flags().Changed(flag) {
			body[member.name] = member.value
		}
	}
	return body, nil
}
