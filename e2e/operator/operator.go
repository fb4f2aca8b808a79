package operator

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"

	"github.com/miroir-search/miroir/e2e/provider"
	"github.com/miroir-search/miroir/internal/lifecycle"
)

// patience is how long a command may take.
const patience = 2 * time.Minute

// Ctl is miroir-ctl with the credentials of one cluster.
type Ctl struct {
	binary string
	env    []string
}

// New points the miroir-ctl that was built under root at a cluster.
func New(root string, c provider.Cluster) Ctl {
	ginkgo.GinkgoHelper()
	binary, err := filepath.Abs(filepath.Join(root, "bin", "miroir-ctl"))
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	gomega.Expect(binary).To(gomega.BeAnExistingFile(), "run `make build` first")
	key, err := c.AdminKey()
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	return Ctl{binary, append(os.Environ(), "MIROIR_SERVER="+c.Admin(), "MIROIR_INGRESS="+c.URL(), "MIROIR_ADMIN_API_KEY="+key, "HOME="+ginkgo.GinkgoT().TempDir())}
}

// Run runs a command to its end.
func (c Ctl) Run(args ...string) (code int, stdout, stderr string) {
	ginkgo.GinkgoHelper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, c.binary, args...)
	var out, errs strings.Builder
	command.Env, command.Stdout, command.Stderr = c.env, &out, &errs
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		gomega.Expect(err).NotTo(gomega.HaveOccurred())
	}
	return command.ProcessState.ExitCode(), out.String(), errs.String()
}

// Must runs a command that has to succeed, and returns what it prints.
func (c Ctl) Must(args ...string) string {
	ginkgo.GinkgoHelper()
	code, out, errs := c.Run(args...)
	gomega.Expect(code).To(gomega.Equal(lifecycle.ExitOK), "%v\n%s%s", args, out, errs)
	return out
}
