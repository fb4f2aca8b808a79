package operation

// writes are the kinds of operations that change something.
var writes = map[Kind]bool{
	CreateIndex: true, UpdateIndex: true, DeleteIndex: true, SwapIndexes: true,
	AddDocuments: true, UpdateDocuments: true, DeleteDocument: true, DeleteDocuments: true, DeleteByFilter: true, DeleteAll: true,
	EditDocuments:  true,
	UpdateSettings: true, ResetSettings: true, CancelTasks: true, DeleteTasks: true, UpdateFeatures: true,
	CreateWebhook: true, UpdateWebhook: true, DeleteWebhook: true,
	CreateKey: true, UpdateKey: true, DeleteKey: true, CreateDump: true, CreateSnapshot: true, CompactIndex: true,
}

// Writes says whether an operation of this kind changes something: it may come with an Idempotency-Key, and it counts for a
// session.
func (k Kind) Writes() bool { return writes[k] }
