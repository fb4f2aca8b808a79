package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/meilisearch/meilisearch-go"
)

// movies are the documents of the tour, with ids from 1.
func movies() []map[string]any {
	list := make([]map[string]any, 24)
	for k := range list {
		i := k + 1
		list[k] = map[string]any{
			"id": i, "title": fmt.Sprintf("%s River %d", []string{"Silent", "Golden", "Broken"}[i%3], i),
			"genre": []string{"Drama", "Comedy", "Action", "Horror"}[i%4], "year": 1990 + i, "note": fmt.Sprintf("seen %d times", i),
			"_geo": map[string]float64{"lat": 45 + float64(i)/10, "lng": 7}, "_vectors": map[string]any{"own": []float64{1, float64(i) / 24, 0}},
		}
	}
	return list
}

// doc is what the tour reads of a document.
type doc struct {
	ID    int    `json:"id"`
	Title string `json:"title"`
	Genre string `json:"genre"`
	Year  int    `json:"year"`
	Stars int    `json:"stars"`
}

func (t *tour) documents() {
	ix, all := t.sdk.Index(prefix+"documents"), movies()
	key := "id"
	task := t.done(ix.AddDocuments(all[:2], &meilisearch.DocumentOptions{PrimaryKey: &key, TaskCustomMetadata: "first"}))
	equal([]any{task.Details.ReceivedDocuments, task.Details.IndexedDocuments, task.CustomMetadata}, []any{int64(2), int64(2), "first"})
	lines := func(from, to int) string {
		var b strings.Builder
		for _, m := range all[from:to] {
			b.Write(get(json.Marshal(m)))
			b.WriteByte('\n')
		}
		return b.String()
	}
	table := func(column string, from, to int) string {
		rows := []string{"id:number," + column}
		for i := from; i < to; i++ {
			rows = append(rows, fmt.Sprintf("%d,%d", i, 2000+i))
		}
		return strings.Join(rows, "\n") + "\n"
	}
	each := func(infos []meilisearch.TaskInfo, err error) int64 {
		must(err)
		var indexed int64
		for _, info := range infos {
			indexed += t.done(&info, nil).Details.IndexedDocuments
		}
		return indexed
	}
	t.done(ix.AddDocumentsNdjson([]byte(lines(2, 4)), nil))
	t.done(ix.AddDocumentsNdjsonFromReader(strings.NewReader(lines(4, 6)), nil))
	equal(each(ix.AddDocumentsNdjsonInBatches([]byte(lines(6, 9)), 2, nil)), int64(3))
	equal(each(ix.AddDocumentsNdjsonFromReaderInBatches(strings.NewReader(lines(9, 12)), 2, nil)), int64(3))
	equal(each(ix.AddDocumentsInBatches(all[12:], 5, nil)), int64(12))
	t.done(ix.AddDocumentsCsv([]byte("id:number;year:number\n25;2025\n"), &meilisearch.CsvDocumentsQuery{CsvDelimiter: ";"}))
	t.done(ix.AddDocumentsCsvFromReader(strings.NewReader(table("year:number", 26, 28)), nil))
	equal(each(ix.AddDocumentsCsvInBatches([]byte(table("year:number", 28, 31)), 2, nil)), int64(3))
	equal(each(ix.AddDocumentsCsvFromReaderInBatches(strings.NewReader(table("year:number", 31, 34)), 2, nil)), int64(3))
	equal(get(ix.GetStats(nil)).NumberOfDocuments, int64(33))
	for id, year := range map[string]int{"3": 1993, "7": 1997, "12": 2002, "25": 2025, "30": 2030, "33": 2033} {
		var got doc
		must(ix.GetDocument(id, nil, &got))
		equal(got.Year, year)
	}
	t.failed("missing_document_id")(ix.AddDocuments([]map[string]any{{"title": "no id"}}, nil))
	fails2[*meilisearch.TaskInfo]("malformed_payload")(ix.AddDocumentsNdjson([]byte(`{"id": 1`), nil))

	t.done(ix.UpdateDocuments([]map[string]any{{"id": 1, "stars": 5}}, nil))
	t.done(ix.UpdateDocumentsNdjson([]byte(`{"id": 2, "stars": 4}`), nil))
	t.done(ix.UpdateDocumentsCsv([]byte("id:number,stars:number\n3,3\n"), nil))
	equal(each(ix.UpdateDocumentsInBatches([]map[string]any{{"id": 4, "stars": 1}, {"id": 5, "stars": 1}}, 1, nil)), int64(2))
	equal(each(ix.UpdateDocumentsNdjsonInBatches([]byte("{\"id\":6,\"stars\":1}\n{\"id\":7,\"stars\":1}\n"), 1, nil)), int64(2))
	equal(each(ix.UpdateDocumentsCsvInBatches([]byte("id:number,stars:number\n8,1\n9,1\n"), 1, nil)), int64(2))
	t.done(ix.UpdateDocuments([]map[string]any{{"id": 99}}, &meilisearch.DocumentOptions{SkipCreation: true}))
	for id, stars := range map[string]int{"1": 5, "2": 4, "3": 3, "5": 1, "7": 1, "9": 1} {
		var got doc
		must(ix.GetDocument(id, nil, &got))
		check(got.Stars == stars && got.Title != "", "an update takes away: %+v", got)
	}
}

// selection reads and deletes the documents that were added.
func (t *tour) selection() {
	ix := t.sdk.Index(prefix + "documents")
	var nobody doc
	fails("document_not_found", ix.GetDocument("99", nil, &nobody))
	t.done(ix.UpdateFilterableAttributes(&[]any{"stars"}))
	t.done(ix.UpdateSortableAttributes(&[]string{"year"}))
	var page meilisearch.DocumentsResult
	must(ix.GetDocuments(&meilisearch.DocumentsQuery{Filter: "stars > 2", Sort: []string{"year:desc"}, Fields: []string{"id"}, Limit: 2}, &page))
	equal(page, meilisearch.DocumentsResult{
		Results: meilisearch.Hits{{"id": json.RawMessage("3")}, {"id": json.RawMessage("2")}}, Limit: 2, Total: 3,
	})
	var raw map[string]any
	must(ix.GetDocument("1", &meilisearch.DocumentQuery{Fields: []string{"id", "stars"}}, &raw))
	equal(raw, map[string]any{"id": 1.0, "stars": 5.0})
	stats := get(t.sdk.GetStats(&meilisearch.StatsParams{SizeFormat: "raw"})).Indexes[prefix+"documents"]
	equal([]int64{stats.NumberOfDocuments, stats.FieldDistribution["stars"]}, []int64{33, 9})
	for field := range stats.FieldDistribution {
		check(!strings.HasPrefix(field, "_miroir"), "the field %s shows", field)
	}

	edit := &meilisearch.UpdateDocumentByFunctionRequest{
		Function: "doc.stars = doc.stars + context.more", Context: map[string]any{"more": 10}, Filter: "stars > 3",
	}
	t.enable(func(f *meilisearch.ExperimentalFeatures, on bool) { f.SetEditDocumentsByFunction(on) }, func() {
		t.done(ix.UpdateDocumentsByFunction(edit))
		var got doc
		must(ix.GetDocument("1", nil, &got))
		equal(got.Stars, 15)
	})

	t.done(ix.DeleteDocument("1", nil))
	fails("document_not_found", ix.GetDocument("1", nil, &nobody))
	gone := t.done(ix.DeleteDocuments([]string{"2", "3", "98"}, nil)).Details
	equal([]int64{gone.ProvidedIds, gone.DeletedDocuments}, []int64{3, 2})
	equal(t.done(ix.DeleteDocumentsByFilter("stars = 1", &meilisearch.DocumentOptions{TaskCustomMetadata: "one"})).Details.DeletedDocuments, int64(6))
	equal(t.done(ix.DeleteAllDocuments(nil)).Details.DeletedDocuments, int64(24))
}
