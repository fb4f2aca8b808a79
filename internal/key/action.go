package key

import "strings"

// Actions that the code names apart from the table of routes.
const (
	ActionSearch        = "search"
	ActionIndexesCreate = "indexes.create"
)

// scope says how an action goes together with index patterns.
type scope int

const (
	perIndex scope = iota // its routes name an index
	byRoute               // its routes without an index look at every index they touch themselves
	global                // a key that is limited to some indexes can not have it
	mixed                 // a wildcard over actions of several scopes
)

// action is what is known about one action.
type action struct {
	name  string
	scope scope
	read  bool // covered by *.get
}

// actions is every action that a key may hold, in the order in which errors list them.
var actions = []action{
	{"*", mixed, false},
	{ActionSearch, byRoute, true},
	{"documents.*", mixed, false},
	{"documents.add", perIndex, false},
	{"documents.get", byRoute, true},
	{"documents.delete", perIndex, false},
	{"indexes.*", mixed, false},
	{ActionIndexesCreate, byRoute, false},
	{"indexes.get", byRoute, true},
	{"indexes.update", perIndex, false},
	{"indexes.delete", perIndex, false},
	{"indexes.swap", byRoute, false},
	{"tasks.*", mixed, false},
	{"tasks.cancel", byRoute, false},
	{"tasks.delete", byRoute, false},
	{"tasks.get", byRoute, true},
	{"settings.*", mixed, false},
	{"settings.get", byRoute, true},
	{"settings.update", perIndex, false},
	{"stats.*", byRoute, false},
	{"stats.get", byRoute, true},
	{"metrics.*", global, false},
	{"metrics.get", global, true},
	{"dumps.*", global, false},
	{"dumps.create", global, false},
	{"snapshots.*", global, false},
	{"snapshots.create", global, false},
	{"version", global, true},
	{"keys.create", global, false},
	{"keys.get", global, false}, // a reader of everything must not read keys: it could become anybody
	{"keys.update", global, false},
	{"keys.delete", global, false},
	{"experimental.get", global, true},
	{"experimental.update", global, false},
	{"export", global, true},
	{"network.get", global, true},
	{"network.update", global, false},
	{"chatCompletions", byRoute, false},
	{"chats.*", global, false},
	{"chats.get", global, true},
	{"chats.delete", global, false},
	{"chatsSettings.*", global, false},
	{"chatsSettings.get", global, true},
	{"chatsSettings.update", global, false},
	{"*.get", mixed, false},
	{"webhooks.get", global, true},
	{"webhooks.update", global, false},
	{"webhooks.delete", global, false},
	{"webhooks.create", global, false},
	{"webhooks.*", global, false},
	{"indexes.compact", perIndex, false},
	{"fields.post", perIndex, true},
	{"tasks.compact", global, false},
	{"dynamicSearchRules.get", global, true},
	{"dynamicSearchRules.create", global, false},
	{"dynamicSearchRules.update", global, false},
	{"dynamicSearchRules.delete", global, false},
	{"dynamicSearchRules.*", global, false},
}

// byName finds an action.
var byName = func() map[string]action {
	m := make(map[string]action, len(actions))
	for _, a := range actions {
		m[a.name] = a
	}
	return m
}()

// ActionNames lists every action that a key may hold, in the order in which errors list them.
func ActionNames() []string {
	names := make([]string, len(actions))
	for i, a := range actions {
		names[i] = a.name
	}
	return names
}

// IsGlobal says whether a key that is limited to some indexes can not have the action.
func IsGlobal(name string) bool { return byName[name].scope == global }

// ChecksIndexes says whether the routes of an action that name no index look at every index they touch, so that a key
// that is limited to some indexes may call them.
func ChecksIndexes(name string) bool { return byName[name].scope == byRoute }

// Expand lists what a key with the given actions may do (AU-12). A wildcard over a family stands for the actions of that
// family and not for itself: what needs `documents.*` needs a key for everything. Names that are no action allow nothing.
func Expand(held []string) map[string]bool {
	may := map[string]bool{}
	for _, name := range held {
		family, wild := strings.CutSuffix(name, "*")
		_, known := byName[name]
		switch {
		case !known:
		case name == "*":
			for _, a := range actions {
				may[a.name] = a.name != "*.get" || may[a.name]
			}
		case name == "*.get":
			for _, a := range actions {
				may[a.name] = a.read || may[a.name]
			}
		case wild:
			for _, a := range actions {
				if strings.HasPrefix(a.name, family) && a.name != name {
					may[a.name] = true
				}
			}
		default:
			may[name] = true
		}
	}
	return may
}
