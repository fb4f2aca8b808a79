package body

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// Causes as Meilisearch prints them.
const (
	causeGzip     = `Some(Custom { kind: InvalidInput, error: "corrupt gzip stream does not have a matching checksum" })`
	causeDeflate  = `Some(Custom { kind: InvalidInput, error: "corrupt deflate stream" })`
	causeBrotli   = `Some(Custom { kind: InvalidData, error: "Invalid Data" })`
	causeTrailing = `Some(Error { kind: WriteZero, message: "failed to write whole buffer" })`
)

// maxZstdWindow bounds the memory that a zstd body may ask for.
const maxZstdWindow = 32 << 20

// openers start decoders by the name of the encoding.
var openers = map[string]func(*bufio.Reader) (io.Reader, error){
	"gzip": openGzip, "deflate": openDeflate, "br": openBrotli, "zstd": openZstd,
}

// decoder gives a stream's errors the shape that callers know.
type decoder struct {
	io.Reader
	src     *bufio.Reader
	cause   string
	lenient bool // a stream that is cut off ends there
}

// Read implements io.Reader. Nothing may follow the stream.
func (d *decoder) Read(p []byte) (int, error) {
	n, err := d.Reader.Read(p)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		if _, peeked := d.src.Peek(1); peeked == nil {
			err = &Corrupt{causeTrailing}
		}
	default:
		err = d.corrupt(err)
	}
	return n, err
}

func (d *decoder) corrupt(err error) error {
	if d.lenient && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)) {
		return io.EOF
	}
	return &Corrupt{d.cause}
}

// openGzip reads one member; a second one is not expected.
func openGzip(src *bufio.Reader) (io.Reader, error) {
	z, err := gzip.NewReader(src)
	if err != nil {
		return nil, &Corrupt{causeGzip}
	}
	z.Multistream(false)
	return &decoder{Reader: z, src: src, cause: causeGzip}, nil
}

// openDeflate reads zlib's format, as the name means in HTTP.
func openDeflate(src *bufio.Reader) (io.Reader, error) {
	d := &decoder{src: src, cause: causeDeflate, lenient: true}
	z, err := zlib.NewReader(src)
	if err != nil {
		return nil, d.corrupt(err)
	}
	d.Reader = z
	return d, nil
}

func openBrotli(src *bufio.Reader) (io.Reader, error) {
	if _, err := src.Peek(1); err != nil {
		return nil, err
	}
	return &decoder{Reader: brotli.NewReader(src), src: src, cause: causeBrotli, lenient: true}, nil
}

var zstdMagic = []byte{0x28, 0xB5, 0x2F, 0xFD}

// openZstd decodes what begins as zstd does and hands on what does not.
func openZstd(src *bufio.Reader) (io.Reader, error) {
	if magic, _ := src.Peek(len(zstdMagic)); !bytes.Equal(magic, zstdMagic) {
		return src, nil
	}
	z, err := zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxZstdWindow), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, &Corrupt{causeBrotli}
	}
	return &zstdDecoder{decoder{Reader: z, src: src, cause: causeBrotli}, z}, nil
}

type zstdDecoder struct {
	decoder
	z *zstd.Decoder
}

// Close frees the decoder's buffers.
func (d *zstdDecoder) Close() { d.z.Close() }
