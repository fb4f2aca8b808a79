package ingest

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/miroir-search/miroir/dev/cities"
)

// Formats of payloads.
const (
	JSON   = "json"
	NDJSON = "ndjson"
	CSV    = "csv"
)

// Payload is the body of one request.
type Payload struct {
	Type      string // content type
	Body      []byte
	Documents int
}

// Encode cuts documents into payloads of up to batch documents each. CSV has no nested objects: there the position
// becomes two columns of its own.
func Encode(documents []cities.City, format string, batch int) ([]Payload, error) {
	var list []Payload
	for part := range slices.Chunk(documents, batch) {
		p := Payload{Documents: len(part)}
		var err error
		switch format {
		case JSON:
			p.Type = "application/json"
			p.Body, err = json.Marshal(part)
		case NDJSON:
			p.Type = "application/x-ndjson"
			p.Body, err = lines(part)
		case CSV:
			p.Type = "text/csv"
			p.Body, err = table(part)
		default:
			err = fmt.Errorf("no format %q", format)
		}
		if err != nil {
			return nil, fmt.Errorf("encode documents: %w", err)
		}
		list = append(list, p)
	}
	return list, nil
}

func lines(part []cities.City) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	for _, c := range part {
		if err := encoder.Encode(c); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

func table(part []cities.City) ([]byte, error) {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	rows := [][]string{{"id:number", "name", "country", "region", "lat:number", "lng:number"}}
	for _, c := range part {
		number := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
		rows = append(rows, []string{strconv.Itoa(c.ID), c.Name, c.Country, c.Region, number(c.Geo.Lat), number(c.Geo.Lng)})
	}
	err := w.WriteAll(rows)
	return out.Bytes(), err
}
