package ctl

import (
	"fmt"
	"io"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// unit is what a bar counts.
type unit int

const (
	unitBytes unit = iota
	unitDocuments
)

// bar shows how far something came, with its rate and the time that is left: drawn on a terminal, as lines elsewhere.
type bar struct {
	t     *tool
	name  string
	unit  unit
	total int64

	drawn *mpb.Progress
	line  *mpb.Bar

	began time.Time
	base  int64 // where it began
	now   int64
	told  time.Time
}

// tellEvery is the time between two lines.
const tellEvery = 5 * time.Second

// newBar begins to show something. A total below zero is not known.
func (t *tool) newBar(name string, total int64, u unit) *bar { return t.newBarFrom(name, 0, total, u) }

// newBarFrom begins where somebody else stopped: what was done before counts for how far it came, and not for the rate.
func (t *tool) newBarFrom(name string, from, total int64, u unit) *bar {
	now := time.Now()
	b := &bar{t: t, name: name, unit: u, total: max(total, 0), began: now, told: now, base: from, now: from}
	if t.quiet || !t.bars {
		return b
	}
	b.drawn = mpb.New(mpb.WithOutput(t.stdio.Err), mpb.WithAutoRefresh(), mpb.WithWidth(40))
	count, rate := decor.CountersNoUnit("%d / %d"), decor.EwmaSpeed(0, "%.0f/s", 20)
	if u == unitBytes {
		count, rate = decor.CountersKibiByte("% .1f / % .1f"), decor.EwmaSpeed(decor.SizeB1024(0), "% .1f", 20)
	}
	b.line = b.drawn.AddBar(b.total,
		mpb.PrependDecorators(decor.Name(name, decor.WC{W: 10, C: decor.DindentRight}), count),
		mpb.AppendDecorators(decor.Percentage(decor.WC{W: 5}), decor.Name(" "), rate, decor.Name(" ETA "), decor.EwmaETA(decor.ET_STYLE_GO, 20)))
	b.line.SetRefill(from)
	b.line.SetCurrent(from)
	return b
}

// set says how far it came.
func (b *bar) set(n int64) {
	if n <= b.now {
		return
	}
	now := time.Now()
	if b.line != nil {
		b.line.EwmaSetCurrent(min(n, b.total), max(now.Sub(b.told), time.Microsecond))
		b.told, b.now = now, n
		return
	}
	b.now = n
	if now.Sub(b.told) >= tellEvery {
		b.told = now
		b.t.say("%s", b.text(now))
	}
}

// text is the bar as a line.
func (b *bar) text(now time.Time) string {
	show := func(n int64) string {
		if b.unit == unitBytes {
			return bytesText(n)
		}
		return fmt.Sprint(n)
	}
	rate := float64(b.now-b.base) / max(now.Sub(b.began).Seconds(), 0.001)
	line := fmt.Sprintf("%s %s of %s, %s/s", b.name, show(b.now), show(b.total), show(int64(rate)))
	if rate > 0 && b.total > b.now {
		left := time.Duration(float64(b.total-b.now) / rate * float64(time.Second))
		line += ", ETA " + left.Round(time.Second).String()
	}
	return line
}

// end takes the bar away, or leaves it where it is complete.
func (b *bar) end() {
	if b.drawn != nil {
		if b.now < b.total || b.total == 0 {
			b.line.Abort(false)
		}
		b.drawn.Wait()
		b.drawn = nil
	}
}

// reader counts what is read.
func (b *bar) reader(from io.Reader) io.Reader { return &counted{from, b, b.now} }

type counted struct {
	from io.Reader
	bar  *bar
	n    int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n += int64(n)
	c.bar.set(c.n)
	return n, err
}

// bytesText writes an amount of bytes for people.
func bytesText(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	value, at := float64(n)/1024, 0
	for value >= 1024 && at < len(units)-1 {
		value, at = value/1024, at+1
	}
	return fmt.Sprintf("%.1f %ciB", value, units[at])
}
