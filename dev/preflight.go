package dev

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/miroir-search/miroir/internal/parts"
)

// prepare checks everything that can be checked before the first process starts, and reports all that is wrong at
// once. The caller closes the cluster's folder.
func prepare(o options) (*cluster, error) {
	beside, err := parts.BesideSelf()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("own binary: %w", err)
	}
	engine, errEngine := parts.Places{Given: o.engine, Folders: beside}.Engine()
	envoy, errEnvoy := parts.Places{Given: o.envoy, Folders: beside}.Envoy()
	o.listen, err = resolveListen(o.listen)
	if err := errors.Join(errEngine, errEnvoy, err); err != nil {
		return nil, err
	}
	folder, err := openFolder(o.dataDir)
	if err != nil {
		return nil, err
	}
	c := &cluster{options: o, folder: folder, self: self, engine: engine, envoy: envoy, base: baseEnvironment()}
	if err := c.fill(); err != nil {
		folder.close()
		return nil, err
	}
	return c, nil
}

// fill takes from the data folder what a cluster keeps there.
func (c *cluster) fill() error {
	if err := c.folder.checkShape(c.options); err != nil {
		return err
	}
	for name, key := range map[string]*string{"node": &c.keys.node, "engine": &c.keys.engine, "admin": &c.keys.admin} {
		made, err := c.folder.key(name)
		if err != nil {
			return err
		}
		*key = made
	}
	c.keys.master = c.options.masterKey
	if c.keys.master == "" {
		made, err := c.folder.key("master")
		if err != nil {
			return err
		}
		c.keys.master = made
	}
	return nil
}

// resolveListen replaces port 0 by a free port and tells whether the address can be used.
func resolveListen(listen string) (string, error) {
	listener, err := net.Listen("tcp", listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return "", fmt.Errorf("%s is in use by another process; stop it or choose another --listen", listen)
	}
	if err != nil {
		return "", fmt.Errorf("--listen: %w", err)
	}
	defer func() { _ = listener.Close() }()
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fmt.Errorf("--listen: %w", err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return "", fmt.Errorf("--listen: %w", err)
	}
	return net.JoinHostPort(host, port), nil
}
