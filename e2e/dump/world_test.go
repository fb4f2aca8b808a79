package dump

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/miroir-search/miroir/e2e/provider"
	"github.com/miroir-search/miroir/internal/lifecycle"
)

const root = "../.."

// place is where a client finds an index: one Meilisearch, or a cluster.
type place struct{ url, key string }

// ask sends a request and reads the answer into a value.
func (p place) ask(method, path string, body any, into any) {
	GinkgoHelper()
	var raw []byte
	switch b := body.(type) {
	case nil:
	case string:
		raw = []byte(b)
	default:
		var err error
		raw, err = json.Marshal(b)
		Expect(err).NotTo(HaveOccurred())
	}
	r, err := http.NewRequest(method, p.url+path, bytes.NewReader(raw))
	Expect(err).NotTo(HaveOccurred())
	r.Header.Set("Authorization", "Bearer "+p.key)
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	Expect(err).NotTo(HaveOccurred())
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	Expect(err).NotTo(HaveOccurred())
	Expect(res.StatusCode).To(BeNumerically("<", 300), "%s %s: %s", method, path, answer)
	if into != nil {
		dec := json.NewDecoder(bytes.NewReader(answer))
		dec.UseNumber()
		Expect(dec.Decode(into)).To(Succeed(), "%s", answer)
	}
}

// run sends a request that becomes a task, and waits until that has succeeded.
func (p place) run(method, path string, body any) map[string]any {
	GinkgoHelper()
	var enqueued struct{ TaskUID int }
	p.ask(method, path, body, &enqueued)
	return p.succeeded(enqueued.TaskUID)
}

func (p place) succeeded(uid int) (task map[string]any) {
	GinkgoHelper()
	Eventually(func() any {
		p.ask("GET", fmt.Sprintf("/tasks/%d", uid), nil, &task)
		return task["status"]
	}).WithTimeout(2 * time.Minute).WithPolling(20 * time.Millisecond).Should(BeElementOf("succeeded", "failed"))
	Expect(task["status"]).To(Equal("succeeded"), "%v", task["error"])
	return task
}

// documents lists all documents of an index, in the order in which they are shown.
func (p place) documents(index string) []any {
	GinkgoHelper()
	var list struct{ Results []any }
	p.ask("GET", "/indexes/"+index+"/documents?limit=1000000&retrieveVectors=true", nil, &list)
	return list.Results
}

func (p place) settings(index string) (settings map[string]any) {
	GinkgoHelper()
	p.ask("GET", "/indexes/"+index+"/settings", nil, &settings)
	return settings
}

// keys lists the API keys with their values.
func (p place) keys() []any {
	GinkgoHelper()
	var list struct{ Results []any }
	p.ask("GET", "/keys?limit=1000", nil, &list)
	return list.Results
}

// movies reads the documents beside the project.
func movies() (list []map[string]any) {
	GinkgoHelper()
	path := filepath.Join(root, "..", "shared", "data", "movies.ndjson")
	f, err := os.Open(path)
	Expect(err).NotTo(HaveOccurred(), "the documents %s are missing: they stand beside the project in ../shared", path)
	defer func() { _ = f.Close() }()
	for s := bufio.NewScanner(f); s.Scan(); {
		var m map[string]any
		Expect(json.Unmarshal(s.Bytes(), &m)).To(Succeed())
		list = append(list, m)
	}
	return list
}

// ctl is miroir-ctl, pointed at a cluster.
type ctl struct {
	binary string
	env    []string
}

func newCtl(c provider.Cluster) ctl {
	GinkgoHelper()
	binary, err := filepath.Abs(filepath.Join(root, "bin", "miroir-ctl"))
	Expect(err).NotTo(HaveOccurred())
	Expect(binary).To(BeAnExistingFile(), "run `make build` first")
	key, err := c.AdminKey()
	Expect(err).NotTo(HaveOccurred())
	return ctl{binary, append(os.Environ(), "MIROIR_SERVER="+c.Admin(), "MIROIR_ADMIN_API_KEY="+key, "HOME="+GinkgoT().TempDir())}
}

// run runs a command to its end.
func (c ctl) run(args ...string) (code int, stdout, stderr string) {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, c.binary, args...)
	var out, errs strings.Builder
	command.Env, command.Stdout, command.Stderr = c.env, &out, &errs
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		Expect(err).NotTo(HaveOccurred())
	}
	return command.ProcessState.ExitCode(), out.String(), errs.String()
}

// must runs a command that has to succeed, and returns what it prints.
func (c ctl) must(args ...string) string {
	GinkgoHelper()
	code, out, errs := c.run(args...)
	Expect(code).To(Equal(lifecycle.ExitOK), "%v\n%s%s", args, out, errs)
	return out
}

// status is an import as the admin API shows it.
type status struct {
	JobID   string `json:"job_id"`
	State   string
	Phase   string
	Size    int64 `json:"size_bytes"`
	Written struct{ Documents int }
	Error   any
}

func (c ctl) imported(job string) (s status) {
	GinkgoHelper()
	code, out, _ := c.run("dump", "status", job, "-o", "json")
	if code == lifecycle.ExitOK { // it may be away for a moment
		Expect(json.Unmarshal([]byte(out), &s)).To(Succeed())
	}
	return s
}
