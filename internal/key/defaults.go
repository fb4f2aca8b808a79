package key

import "time"

// Defaults are the keys that a new cluster starts with, as Meilisearch makes them at its first start, each under a uid of
// its own. The later one of two is the newer one, so that lists show the search key first.
func Defaults(now time.Time, newUID func() string) []Record {
	list := []Record{
		defaultKey("Default Chat API Key", "Use it to chat and search from the frontend", "chatCompletions", ActionSearch),
		defaultKey("Default Read-Only Admin API Key",
			"Use it to read information across the whole database. Caution! Do not expose this key on a public frontend",
			"*.get", "keys.get"),
		defaultKey("Default Admin API Key",
			"Use it for anything that is not a search operation. Caution! Do not expose it on a public frontend", "*"),
		defaultKey("Default Search API Key", "Use it to search from the frontend", ActionSearch),
	}
	for i := range list {
		at := now.Add(time.Duration(i) * time.Microsecond)
		list[i].UID, list[i].CreatedAt, list[i].UpdatedAt = newUID(), at, at
	}
	return list
}

func defaultKey(name, description string, actions ...string) Record {
	return Record{V: Version, Name: &name, Description: &description, Actions: actions, Indexes: []string{AllIndexes}}
}
