package write

import (
	"errors"
	"io"
	"strings"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
)

// Content types of document payloads.
const (
	typeJSON   = "application/json"
	typeNDJSON = "application/x-ndjson"
	typeCSV    = "text/csv"
)

// Format is how a payload is written.
type Format struct {
	media     string
	delimiter byte
}

// FormatOf reads the content type of a document request together with the csvDelimiter parameter.
func FormatOf(contentType string, delimiter byte) (Format, *apierr.Error) {
	if contentType = strings.TrimSpace(contentType); contentType == "" {
		return Format{}, meili.MissingContentType(typeJSON, typeNDJSON, typeCSV)
	}
	media := essence(contentType)
	switch {
	case media != typeJSON && media != typeNDJSON && media != typeCSV:
		return Format{}, meili.InvalidContentType(media, typeJSON, typeNDJSON, typeCSV)
	case delimiter != 0 && media != typeCSV:
		return Format{}, apierr.New(apierr.InvalidContentType, "The Content-Type `%s` does not support the use of a csv delimiter. "+
			"The csv delimiter can only be used with the Content-Type `text/csv`.", media)
	case delimiter == 0:
		delimiter = ','
	}
	return Format{media, delimiter}, nil
}

// cut calls visit with every document of the payload, in order. An error of the payload is an *apierr.Error, and visit may
// have been called before it is found; errors of visit and of the payload's reader are returned as they are.
func (f Format) cut(payload io.Reader, visit func(document) error) error {
	w := newWindow(payload)
	if blank, err := w.blank(); err != nil {
		return err
	} else if blank {
		return apierr.New(apierr.MissingPayload, "A %s payload is missing.", f.name())
	}
	err := f.cutBy(w, visit)
	var refused *apierr.Error
	if err != nil && !errors.As(err, &refused) {
		return err
	}
	// Meilisearch receives the whole payload before it looks at it: one that is too large or cut off is that first.
	if e := w.drain(); e != nil {
		return e
	}
	return err
}

func (f Format) cutBy(w *window, visit func(document) error) error {
	switch f.media {
	case typeNDJSON:
		return f.cutLines(w, visit)
	case typeCSV:
		return f.cutCSV(w, visit)
	}
	return f.cutJSON(w, visit)
}

func (f Format) name() string {
	switch f.media {
	case typeNDJSON:
		return "ndjson"
	case typeCSV:
		return "csv"
	}
	return "json"
}
