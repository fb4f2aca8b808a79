package apierr

import "net/http"

// Codes that Miroir itself answers with. Codes of Meilisearch that only pass through need no name here.
const (
	Internal                   Code = "internal"
	BadRequest                 Code = "bad_request"
	MalformedPayload           Code = "malformed_payload"
	MissingPayload             Code = "missing_payload"
	PayloadTooLarge            Code = "payload_too_large"
	MissingContentType         Code = "missing_content_type"
	InvalidContentType         Code = "invalid_content_type"
	MissingAuthorizationHeader Code = "missing_authorization_header"
	InvalidAPIKey              Code = "invalid_api_key"
	IndexNotFound              Code = "index_not_found"
	IndexAlreadyExists         Code = "index_already_exists"
	DocumentNotFound           Code = "document_not_found"
	TaskNotFound               Code = "task_not_found"
	TooManySearchRequests      Code = "too_many_search_requests"

	MiroirNotImplemented    Code = "miroir_not_implemented"
	MiroirReservedField     Code = "miroir_reserved_field"
	MiroirNoQuorum          Code = "miroir_no_quorum"
	MiroirShardUnavailable  Code = "miroir_shard_unavailable"
	MiroirStateUnavailable  Code = "miroir_state_unavailable"
	MiroirTimeout           Code = "miroir_timeout"
	MiroirInternal          Code = "miroir_internal"
	MiroirInvalidAuth       Code = "miroir_invalid_auth"
	MiroirNotFound          Code = "miroir_not_found"
	MiroirInvalidHeader     Code = "miroir_invalid_header"
	MiroirPrimaryKeyMissing Code = "miroir_primary_key_required"
	MiroirBroadcast         Code = "miroir_broadcast_incomplete"
	MiroirDivergence        Code = "miroir_settings_divergence"
)

type kind struct {
	status int
	typ    Type
}

// kinds lists the codes whose status or type is not 400 invalid_request.
var kinds = map[Code]kind{
	Internal:                        {http.StatusInternalServerError, TypeInternal},
	"database_size_limit_reached":   {http.StatusInternalServerError, TypeInternal},
	"dump_process_failed":           {http.StatusInternalServerError, TypeInternal},
	"index_creation_failed":         {http.StatusInternalServerError, TypeInternal},
	"invalid_state":                 {http.StatusInternalServerError, TypeInternal},
	"invalid_store_file":            {http.StatusInternalServerError, TypeInternal},
	"unretrievable_document":        {http.StatusBadRequest, TypeInternal},
	PayloadTooLarge:                 {http.StatusRequestEntityTooLarge, TypeInvalidRequest},
	MissingContentType:              {http.StatusUnsupportedMediaType, TypeInvalidRequest},
	InvalidContentType:              {http.StatusUnsupportedMediaType, TypeInvalidRequest},
	"unsupported_media_type":        {http.StatusUnsupportedMediaType, TypeInvalidRequest},
	MissingAuthorizationHeader:      {http.StatusUnauthorized, TypeAuth},
	"missing_master_key":            {http.StatusUnauthorized, TypeAuth},
	InvalidAPIKey:                   {http.StatusForbidden, TypeAuth},
	IndexNotFound:                   {http.StatusNotFound, TypeInvalidRequest},
	DocumentNotFound:                {http.StatusNotFound, TypeInvalidRequest},
	TaskNotFound:                    {http.StatusNotFound, TypeInvalidRequest},
	"api_key_not_found":             {http.StatusNotFound, TypeInvalidRequest},
	"batch_not_found":               {http.StatusNotFound, TypeInvalidRequest},
	"dump_not_found":                {http.StatusNotFound, TypeInvalidRequest},
	"task_file_not_found":           {http.StatusNotFound, TypeInvalidRequest},
	IndexAlreadyExists:              {http.StatusConflict, TypeInvalidRequest},
	"api_key_already_exists":        {http.StatusConflict, TypeInvalidRequest},
	"dump_already_processing":       {http.StatusConflict, TypeInvalidRequest},
	TooManySearchRequests:           {http.StatusServiceUnavailable, TypeSystem},
	"io_error":                      {http.StatusUnprocessableEntity, TypeSystem},
	"no_space_left_on_device":       {http.StatusUnprocessableEntity, TypeSystem},
	"too_many_open_files":           {http.StatusUnprocessableEntity, TypeSystem},
	"requires_enterprise_edition":   {http.StatusUnavailableForLegalReasons, TypeInvalidRequest},
	MiroirNotImplemented:            {http.StatusNotImplemented, TypeInvalidRequest},
	"miroir_route_unsupported":      {http.StatusNotImplemented, TypeInvalidRequest},
	MiroirNoQuorum:                  {http.StatusServiceUnavailable, TypeSystem},
	MiroirShardUnavailable:          {http.StatusServiceUnavailable, TypeSystem},
	MiroirStateUnavailable:          {http.StatusServiceUnavailable, TypeSystem},
	"miroir_settings_version_stale": {http.StatusServiceUnavailable, TypeSystem},
	"miroir_overloaded":             {http.StatusServiceUnavailable, TypeSystem},
	"miroir_writes_frozen":          {http.StatusServiceUnavailable, TypeSystem},
	MiroirTimeout:                   {http.StatusGatewayTimeout, TypeSystem},
	MiroirInternal:                  {http.StatusInternalServerError, TypeInternal},
	MiroirInvalidAuth:               {http.StatusUnauthorized, TypeAuth},
	MiroirNotFound:                  {http.StatusNotFound, TypeInvalidRequest},
	MiroirBroadcast:                 {http.StatusInternalServerError, TypeSystem},
	MiroirDivergence:                {http.StatusInternalServerError, TypeSystem},
	"miroir_replica_lost":           {http.StatusInternalServerError, TypeSystem},
}

func kindOf(c Code) kind {
	if k, ok := kinds[c]; ok {
		return k
	}
	return kind{http.StatusBadRequest, TypeInvalidRequest}
}
