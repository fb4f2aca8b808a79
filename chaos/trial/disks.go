package trial

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// disks are small file systems of their own in memory, one for each process that keeps something, so that each can be full
// for itself. Where they can not be mounted there are none, and no disk becomes full.
type disks struct {
	root    string
	mounted []string // names of processes
}

// filler is the file that takes the space.
const filler = "filler"

// size of a disk holds what a process writes ahead of need, twice.
const size = "384m"

// mountDisks puts a disk at each place in the data folder of a cluster.
func mountDisks(data string, places map[string]string) (*disks, error) {
	root, err := os.MkdirTemp("", "miroir-chaos-disks-")
	d := &disks{root: root}
	if err != nil {
		return d, fmt.Errorf("disks: %w", err)
	}
	for process, place := range places {
		// Beside the data folder, which can so be removed while they are mounted.
		at, link := filepath.Join(root, process), filepath.Join(data, place)
		if err := errors.Join(os.Mkdir(at, 0o700), os.MkdirAll(filepath.Dir(link), 0o700)); err != nil {
			return d, fmt.Errorf("disks: %w", err)
		}
		if err := exec.Command("mount", "-t", "tmpfs", "-o", "mode=700,size="+size, "tmpfs", at).Run(); err != nil {
			return d, fmt.Errorf("disks: %w", err)
		}
		d.mounted = append(d.mounted, process)
		if err := errors.Join(os.Mkdir(filepath.Join(at, "data"), 0o700), os.Symlink(filepath.Join(at, "data"), link)); err != nil {
			return d, fmt.Errorf("disks: %w", err)
		}
	}
	return d, nil
}

// fill takes all space of a disk, or gives it back.
func (d *disks) fill(process string, full bool) error {
	path := filepath.Join(d.root, process, filler)
	if !full {
		return os.Remove(path)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	// The last byte, too: what does not fit as a whole is halved.
	for piece := make([]byte, 1<<20); len(piece) > 0 && err == nil; {
		if _, err = file.Write(piece); errors.Is(err, syscall.ENOSPC) {
			piece, err = piece[:len(piece)/2], nil
		}
	}
	return errors.Join(err, file.Close())
}

func (d *disks) close() error {
	var errs []error
	for _, process := range d.mounted {
		errs = append(errs, exec.Command("umount", "--lazy", filepath.Join(d.root, process)).Run())
	}
	return errors.Join(append(errs, os.RemoveAll(d.root))...)
}
