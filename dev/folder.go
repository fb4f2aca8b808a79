package dev

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// folder is the data folder:
//
//	lock                    held while a cluster runs on the folder
//	shape.json              what must not change between two runs
//	*.key                   keys that were made here, readable by the owner only
//	run/                    pid files, ports.json, Envoy's bootstrap, the gateway's socket
//	log/                    one log per process
//	etcd/ node-0/ …         data
//	dumps/                  dumps of the whole cluster
type folder struct {
	path string
	lock *os.File
}

// errBusy says that a cluster already runs on the folder.
var errBusy = errors.New("another miroir dev uses it")

// openFolder makes the folder if need be and locks it until close, or until this process ends in whatever way.
func openFolder(path string) (*folder, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(path, "run"), 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errBusy
		}
		return nil, fmt.Errorf("data folder %s: %w", path, err)
	}
	return &folder{path: path, lock: lock}, nil
}

// close unlocks the folder. The lock file stays: removing it would let two clusters lock two files of one name.
func (f *folder) close() { _ = f.lock.Close() }

func (f *folder) at(parts ...string) string {
	return filepath.Join(append([]string{f.path}, parts...)...)
}

// key returns a key that this folder keeps, and makes it at first use.
func (f *folder) key(name string) (string, error) {
	path := f.at(name + ".key")
	raw, err := os.ReadFile(path)
	if err == nil && len(strings.TrimSpace(string(raw))) >= minMasterKey {
		return strings.TrimSpace(string(raw)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s key: %w", name, err)
	}
	secret := make([]byte, 24)
	if _, err := rand.Read(secret); err != nil {
		return "", fmt.Errorf("%s key: %w", name, err)
	}
	key := hex.EncodeToString(secret)
	if err := replaceFile(path, []byte(key+"\n")); err != nil {
		return "", fmt.Errorf("%s key: %w", name, err)
	}
	return key, nil
}

// shape is what data in the folder depends on.
type shape struct {
	Groups int `json:"groups"`
}

// checkShape compares the options with what the folder was made with, and notes them in a new one. Where a node's data
// belongs depends on the number of groups; everything else the cluster keeps itself.
func (f *folder) checkShape(o options) error {
	path := f.at("shape.json")
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		raw, err := json.Marshal(shape{Groups: o.groups})
		if err != nil {
			return fmt.Errorf("shape: %w", err)
		}
		return replaceFile(path, append(raw, '\n'))
	}
	var was shape
	if err == nil {
		err = json.Unmarshal(raw, &was)
	}
	if err != nil {
		return fmt.Errorf("shape: %w", err)
	}
	if was.Groups != o.groups {
		return fmt.Errorf("data folder %s was made with --groups %d; use that, or another folder", f.path, was.Groups)
	}
	return nil
}

// replaceFile writes a file that a reader sees whole or not at all.
func replaceFile(path string, content []byte) error {
	fresh := path + ".new"
	if err := os.WriteFile(fresh, content, 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}
