package meili

import (
	"slices"

	"github.com/miroir-search/miroir/internal/apierr"
)

// MissingAuthorizationHeader answers a request without a bearer token.
func MissingAuthorizationHeader() *apierr.Error {
	return apierr.New(apierr.MissingAuthorizationHeader,
		"The Authorization header is missing. It must use the bearer authorization method.")
}

// InvalidAPIKey answers an unknown key.
func InvalidAPIKey() *apierr.Error {
	return apierr.New(apierr.InvalidAPIKey, "The provided API key is invalid.")
}

// IndexNotFound answers a request for an index that does not exist.
func IndexNotFound(uid string) *apierr.Error {
	return apierr.New(apierr.IndexNotFound, "Index `%s` not found.", uid)
}

// IndexesNotFound fails a swap of indexes that do not exist.
func IndexesNotFound(uids []string) *apierr.Error {
	uids = slices.Compact(slices.Sorted(slices.Values(uids)))
	if len(uids) == 1 {
		return IndexNotFound(uids[0])
	}
	return apierr.New(apierr.IndexNotFound, "Indexes %s not found.", quoteAll(uids))
}

// RenamesTaken fails the renames of a swap whose new names are taken. Each is the old name and the new one.
func RenamesTaken(renames [][2]string) *apierr.Error {
	if len(renames) == 1 {
		from, to := renames[0][0], renames[0][1]
		return apierr.New(apierr.IndexAlreadyExists,
			"Cannot rename `%s` to `%s` as the index already exists. Hint: You can remove `%s` first and then do your remove.", from, to, to)
	}
	var taken []string
	for _, r := range renames {
		taken = append(taken, r[1])
	}
	slices.Sort(taken)
	return apierr.New(apierr.IndexAlreadyExists, "The following indexes are being renamed but cannot because their new name conflicts "+
		"with an already existing index: %s. Renaming doesn't overwrite the other index name.", quoteAll(taken))
}

// IndexAlreadyExists fails the creation of an index whose name is taken.
func IndexAlreadyExists(uid string) *apierr.Error {
	return apierr.New(apierr.IndexAlreadyExists, "Index `%s` already exists.", uid)
}

// PrimaryKeyAlreadyExists fails a change of the primary key of an index that has documents.
func PrimaryKeyAlreadyExists(pk string) *apierr.Error {
	return apierr.New(apierr.IndexPrimaryKeyAlreadyExists, "Index already has a primary key: `%s`.", pk)
}

// TaskNotFound answers a request for a task that does not exist.
func TaskNotFound(uid uint32) *apierr.Error {
	return apierr.New(apierr.TaskNotFound, "Task `%d` not found.", uid)
}

// BatchNotFound answers a request for a batch that does not exist.
func BatchNotFound(uid uint32) *apierr.Error {
	return apierr.New(apierr.BatchNotFound, "Batch `%d` not found.", uid)
}

// PayloadTooLarge answers a body over the limit, given in bytes.
func PayloadTooLarge(limit int64) *apierr.Error {
	return apierr.New(apierr.PayloadTooLarge,
		"The provided payload reached the size limit. The maximum accepted payload size is %s.", limitSize(limit))
}

// ReservedField refuses a document that carries a name which Miroir keeps for itself.
func ReservedField(name string) *apierr.Error {
	return apierr.New(apierr.MiroirReservedField, "The field name `%s` is reserved. Rename it and send the documents again.", name)
}

// FeatureNotEnabled answers the use of an experimental feature that Miroir does not switch on. discussion is the number of
// the public thread that Meilisearch points to.
func FeatureNotEnabled(what, feature string, discussion int) *apierr.Error {
	return apierr.New(apierr.FeatureNotEnabled, "%s requires enabling the `%s` experimental feature. "+
		"See https://github.com/orgs/meilisearch/discussions/%d", what, feature, discussion)
}
