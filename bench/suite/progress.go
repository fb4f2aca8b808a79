package suite

import (
	"fmt"
	"io"
	"os"
	"time"
)

// progress tells what happens: one line for each step, and on a terminal how far it is.
type progress struct {
	out      io.Writer
	began    time.Time
	terminal bool
	step     string
	told     time.Time
}

func newProgress(out io.Writer) *progress {
	p := &progress{out: out, began: time.Now()}
	if file, ok := out.(*os.File); ok {
		info, err := file.Stat()
		p.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return p
}

// begin starts a step.
func (p *progress) begin(format string, args ...any) {
	p.step = fmt.Sprintf(format, args...)
	if p.terminal {
		p.write("\r\033[K%s …", p.line())
		return
	}
	p.write("%s\n", p.line())
}

// at says how much of the step is done.
func (p *progress) at(done, all int) {
	const often = 100 * time.Millisecond
	if p.terminal && all > 0 && time.Since(p.told) > often {
		p.told = time.Now()
		p.write("\r\033[K%s … %d %%", p.line(), 100*done/all)
	}
}

// end says what came of the step.
func (p *progress) end(format string, args ...any) {
	result := fmt.Sprintf(format, args...)
	if p.terminal {
		p.write("\r\033[K%s: %s\n", p.line(), result)
		return
	}
	p.write("          %s\n", result)
}

func (p *progress) line() string {
	return fmt.Sprintf("[%7.1f s] %s", time.Since(p.began).Seconds(), p.step)
}

func (p *progress) write(format string, args ...any) { _, _ = fmt.Fprintf(p.out, format, args...) }
