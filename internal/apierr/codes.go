package apierr

import "net/http"

// Codes of Miroir's own.
const (
	MiroirAliasManaged         Code = "miroir_alias_managed"
	MiroirBroadcast            Code = "miroir_broadcast_incomplete"
	MiroirConfigInvalid        Code = "miroir_config_invalid"
	MiroirConflict             Code = "miroir_conflict"
	MiroirCSRFFailed           Code = "miroir_csrf_failed"
	MiroirCursorExpired        Code = "miroir_cursor_expired"
	MiroirDivergence           Code = "miroir_settings_divergence"
	MiroirDumpUnsupported      Code = "miroir_dump_unsupported"
	MiroirIdempotencyBusy      Code = "miroir_idempotency_in_progress"
	MiroirIdempotencyKeyReused Code = "miroir_idempotency_key_reused"
	MiroirInternal             Code = "miroir_internal"
	MiroirInvalidAuth          Code = "miroir_invalid_auth"
	MiroirInvalidHeader        Code = "miroir_invalid_header"
	MiroirOverFetchTooLarge    Code = "miroir_over_fetch_too_large"
	MiroirJWTInvalid           Code = "miroir_jwt_invalid"
	MiroirJWTScopeDenied       Code = "miroir_jwt_scope_denied"
	MiroirMultiAliasReadOnly   Code = "miroir_multi_alias_not_writable"
	MiroirNoQuorum             Code = "miroir_no_quorum"
	MiroirNotFound             Code = "miroir_not_found"
	MiroirNotImplemented       Code = "miroir_not_implemented"
	MiroirOriginDenied         Code = "miroir_origin_denied"
	MiroirOutsideWindow        Code = "miroir_outside_window"
	MiroirOverloaded           Code = "miroir_overloaded"
	MiroirPrimaryKeyMissing    Code = "miroir_primary_key_required"
	MiroirRateLimited          Code = "miroir_rate_limited"
	MiroirReplicaLost          Code = "miroir_replica_lost"
	MiroirReservedField        Code = "miroir_reserved_field"
	MiroirRouteUnsupported     Code = "miroir_route_unsupported"
	MiroirSettingsVersionStale Code = "miroir_settings_version_stale"
	MiroirShardUnavailable     Code = "miroir_shard_unavailable"
	MiroirStateUnavailable     Code = "miroir_state_unavailable"
	MiroirTimeout              Code = "miroir_timeout"
	MiroirTooManyQueries       Code = "miroir_too_many_queries"
	MiroirUnsafeConfig         Code = "miroir_unsafe_config"
	MiroirWorkflowConflict     Code = "miroir_workflow_conflict"
	MiroirWritesFrozen         Code = "miroir_writes_frozen"
)

// kind is how a code is answered.
type kind struct {
	status int
	typ    Type
}

// miroirKinds lists every code of Miroir's own. Those that only end tasks have a status too, for the one who answers with
// them all the same.
var miroirKinds = map[Code]kind{
	MiroirPrimaryKeyMissing:    {http.StatusBadRequest, TypeInvalidRequest},
	MiroirReservedField:        {http.StatusBadRequest, TypeInvalidRequest},
	MiroirInvalidHeader:        {http.StatusBadRequest, TypeInvalidRequest},
	MiroirOverFetchTooLarge:    {http.StatusBadRequest, TypeInvalidRequest},
	MiroirConfigInvalid:        {http.StatusBadRequest, TypeInvalidRequest},
	MiroirTooManyQueries:       {http.StatusBadRequest, TypeInvalidRequest},
	MiroirDumpUnsupported:      {http.StatusBadRequest, TypeInvalidRequest},
	MiroirInvalidAuth:          {http.StatusUnauthorized, TypeAuth},
	MiroirJWTInvalid:           {http.StatusUnauthorized, TypeAuth},
	MiroirJWTScopeDenied:       {http.StatusForbidden, TypeAuth},
	MiroirCSRFFailed:           {http.StatusForbidden, TypeAuth},
	MiroirOriginDenied:         {http.StatusForbidden, TypeAuth},
	MiroirNotFound:             {http.StatusNotFound, TypeInvalidRequest},
	MiroirCursorExpired:        {http.StatusGone, TypeInvalidRequest},
	MiroirIdempotencyBusy:      {http.StatusConflict, TypeInvalidRequest},
	MiroirIdempotencyKeyReused: {http.StatusConflict, TypeInvalidRequest},
	MiroirMultiAliasReadOnly:   {http.StatusConflict, TypeInvalidRequest},
	MiroirAliasManaged:         {http.StatusConflict, TypeInvalidRequest},
	MiroirConflict:             {http.StatusConflict, TypeInvalidRequest},
	MiroirWorkflowConflict:     {http.StatusConflict, TypeInvalidRequest},
	MiroirUnsafeConfig:         {http.StatusConflict, TypeInvalidRequest},
	MiroirOutsideWindow:        {http.StatusConflict, TypeInvalidRequest},
	MiroirRateLimited:          {http.StatusTooManyRequests, TypeAuth},
	MiroirNotImplemented:       {http.StatusNotImplemented, TypeInvalidRequest},
	MiroirRouteUnsupported:     {http.StatusNotImplemented, TypeInvalidRequest},
	MiroirWritesFrozen:         {http.StatusServiceUnavailable, TypeSystem},
	MiroirNoQuorum:             {http.StatusServiceUnavailable, TypeSystem},
	MiroirShardUnavailable:     {http.StatusServiceUnavailable, TypeSystem},
	MiroirSettingsVersionStale: {http.StatusServiceUnavailable, TypeSystem},
	MiroirStateUnavailable:     {http.StatusServiceUnavailable, TypeSystem},
	MiroirOverloaded:           {http.StatusServiceUnavailable, TypeSystem},
	MiroirTimeout:              {http.StatusGatewayTimeout, TypeSystem},
	MiroirInternal:             {http.StatusInternalServerError, TypeInternal},
	MiroirBroadcast:            {http.StatusInternalServerError, TypeSystem},
	MiroirDivergence:           {http.StatusInternalServerError, TypeSystem},
	MiroirReplicaLost:          {http.StatusInternalServerError, TypeSystem},
}

// kindOf is 400 invalid_request for every code that no table names.
func kindOf(c Code) kind {
	if k, ok := miroirKinds[c]; ok {
		return k
	}
	if k, ok := engineKinds[c]; ok {
		return k
	}
	return kind{http.StatusBadRequest, TypeInvalidRequest}
}
