package coordinator

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/miroir-search/miroir/coordinator/webhooks"
	"github.com/miroir-search/miroir/internal/meili"
)

// registerWebhooks adds the flags of webhooks. What it returns reads them, once they are parsed.
func registerWebhooks(f *flag.FlagSet, c *config) (read func() error) {
	url := f.String("task-webhook-url", setting(envHookURL), "URL of a webhook that the API can not change; "+
		"MIROIR_"+envHookAuth+" is the value of its Authorization header")
	networks := f.String("webhook-allowed-networks", setting(envHookNetworks),
		"comma-separated networks that webhooks may be in although they are not public, for instance 10.0.0.0/8, or any")
	f.DurationVar(&c.hookKeep, "webhook-keep", time.Hour, "how long after its end a task is posted again to a webhook that does not take it")
	return func() error {
		var wrong []error
		var err error
		if c.hookNetworks, err = webhooks.ParseNetworks(*networks); err != nil {
			wrong = append(wrong, fmt.Errorf("--webhook-allowed-networks: %w", err))
		}
		if c.hookKeep <= 0 {
			wrong = append(wrong, errors.New("--webhook-keep must be positive"))
		}
		if *url == "" {
			return errors.Join(wrong...)
		}
		if fault := meili.URLFault(*url); fault != "" {
			wrong = append(wrong, fmt.Errorf("--task-webhook-url: %s", fault))
		}
		c.hook = &meili.Webhook{URL: *url, Headers: map[string]string{}}
		if auth := setting(envHookAuth); auth != "" {
			c.hook.Headers["Authorization"] = auth
		}
		return errors.Join(wrong...)
	}
}

// setting reads an environment variable by the end of its name.
func setting(name string) string {
	if value, ok := os.LookupEnv("MIROIR_" + name); ok {
		return value
	}
	return os.Getenv("MEILI_" + name)
}

// poster makes what posts finished tasks to webhooks.
func (p *parts) poster() *webhooks.Service {
	return &webhooks.Service{
		Tasks: p.tasks, Hooks: p.hooks, Store: p.store, Seal: p.config.seal, Command: p.config.hook, Networks: p.config.hookNetworks,
		Keep: p.config.hookKeep, Now: now, Log: p.log, Metrics: webhooks.NewMetrics(p.registry),
	}
}
