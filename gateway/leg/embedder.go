package leg

import "encoding/json"

// Embedder is what a search must know of an embedder.
type Embedder struct {
	Source     string
	Dimensions int    // 0: not known before the first document
	Model      string // what decides about vectors, in one spelling: those of embedders that are equal in it can be compared
}

// noModel are members of an embedder that leave the meaning of its vectors alone: how it is called and paid for, and what of
// a document is embedded.
var noModel = []string{"apiKey", "headers", "documentTemplate", "documentTemplateMaxBytes", "indexingFragments", "searchFragments"}

func readEmbedder(raw json.RawMessage) Embedder {
	var shown struct {
		Source     string `json:"source"`
		Dimensions int    `json:"dimensions"`
	}
	var all map[string]any
	if json.Unmarshal(raw, &shown) != nil || json.Unmarshal(raw, &all) != nil {
		return Embedder{}
	}
	model, err := json.Marshal(modelOf(all)) // of a map: members are sorted
	if err != nil {
		return Embedder{}
	}
	return Embedder{Source: shown.Source, Dimensions: shown.Dimensions, Model: string(model)}
}

// modelOf leaves out what is no matter of the model, in the two embedders of a composite one too.
func modelOf(embedder map[string]any) map[string]any {
	for _, name := range noModel {
		delete(embedder, name)
	}
	for name, value := range embedder {
		switch inner, nested := value.(map[string]any); {
		case value == nil:
			delete(embedder, name)
		case nested && (name == "searchEmbedder" || name == "indexingEmbedder"):
			embedder[name] = modelOf(inner)
		}
	}
	return embedder
}
