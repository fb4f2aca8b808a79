//! The errors a client may see: a closed table of codes, each with its HTTP status and family.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The family of a code, shown to clients as `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    InvalidRequest,
    Auth,
    Internal,
    System,
}

impl Family {
    fn as_str(self) -> &'static str {
        match self {
            Family::InvalidRequest => "invalid_request",
            Family::Auth => "auth",
            Family::Internal => "internal",
            Family::System => "system",
        }
    }
}

/// One entry of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    pub name: &'static str,
    pub status: u16,
    pub family: Family,
}

macro_rules! codes {
    ($($status:literal $family:ident { $($name:ident)* })*) => {
        /// Every code this server can answer.
        #[allow(non_upper_case_globals)]
        pub mod code {
            use super::{Code, Family};
            $($(pub const $name: Code = Code { name: stringify!($name), status: $status, family: Family::$family };)*)*
        }
    };
}

codes! {
    400 InvalidRequest {
        bad_request malformed_payload missing_payload feature_not_enabled
        invalid_index_uid missing_index_uid invalid_index_primary_key invalid_index_offset invalid_index_limit
        immutable_index_created_at immutable_index_updated_at
        index_primary_key_already_exists index_primary_key_no_candidate_found
        index_primary_key_multiple_candidates_found invalid_swap_indexes missing_swap_indexes
        invalid_swap_duplicate_index_found invalid_swap_rename
        invalid_document_id invalid_document_ids missing_document_id invalid_document_fields invalid_document_filter
        missing_document_filter invalid_document_sort invalid_document_limit invalid_document_offset
        invalid_document_retrieve_vectors invalid_document_use_network invalid_document_csv_delimiter
        invalid_document_geo_field invalid_skip_creation invalid_vector_dimensions invalid_vectors_type
        too_many_vectors max_fields_limit_exceeded
        invalid_search_q invalid_search_offset invalid_search_limit invalid_search_page invalid_search_hits_per_page
        invalid_search_filter invalid_search_sort invalid_search_distinct invalid_search_facets invalid_search_vector
        invalid_search_embedder invalid_search_hybrid_query invalid_search_semantic_ratio
        invalid_search_locales invalid_search_matching_strategy invalid_search_attributes_to_retrieve
        invalid_search_attributes_to_crop invalid_search_attributes_to_highlight
        invalid_search_attributes_to_search_on invalid_search_crop_length invalid_search_crop_marker
        invalid_search_highlight_pre_tag invalid_search_highlight_post_tag invalid_search_show_matches_position
        invalid_search_show_ranking_score invalid_search_show_ranking_score_details
        invalid_search_show_performance_details invalid_search_ranking_score_threshold
        invalid_search_retrieve_vectors invalid_search_use_network invalid_search_personalize
        missing_search_hybrid invalid_search_personalize_user_context
        invalid_search_media_and_vector invalid_stats_size_format invalid_stats_show_internal_database_sizes vector_embedding_error
        facet_search_disabled invalid_facet_search_facet_name missing_facet_search_facet_name
        invalid_facet_search_query invalid_facet_search_exhaustive_facet_count
        invalid_similar_id not_found_similar_id invalid_similar_embedder
        invalid_similar_offset invalid_similar_limit invalid_similar_filter
        invalid_similar_attributes_to_retrieve invalid_similar_retrieve_vectors invalid_similar_show_ranking_score
        invalid_similar_show_ranking_score_details invalid_similar_show_performance_details
        invalid_similar_ranking_score_threshold
        invalid_multi_search_query_pagination invalid_multi_search_query_facets
        invalid_multi_search_federation_options invalid_multi_search_weight invalid_multi_search_facets_by_index
        invalid_multi_search_merge_facets invalid_multi_search_max_values_per_facet
        invalid_multi_search_facet_order invalid_multi_search_query_show_performance_details
        invalid_multi_search_remote invalid_multi_search_query_position
        invalid_multi_search_distinct
        invalid_settings_displayed_attributes invalid_settings_searchable_attributes
        invalid_settings_filterable_attributes invalid_settings_sortable_attributes invalid_settings_ranking_rules
        invalid_settings_stop_words invalid_settings_non_separator_tokens invalid_settings_separator_tokens
        invalid_settings_dictionary invalid_settings_synonyms invalid_settings_distinct_attribute
        invalid_settings_proximity_precision invalid_settings_typo_tolerance invalid_settings_faceting
        invalid_settings_pagination invalid_settings_embedders invalid_settings_search_cutoff_ms
        invalid_settings_localized_attributes invalid_settings_facet_search invalid_settings_prefix_search
        invalid_settings_foreign_keys invalid_settings_chat
        invalid_task_uids invalid_task_types invalid_task_statuses invalid_task_canceled_by invalid_batch_uids
        invalid_task_limit invalid_task_from invalid_task_reverse invalid_task_after_enqueued_at
        invalid_task_before_enqueued_at invalid_task_after_started_at invalid_task_before_started_at
        invalid_task_after_finished_at invalid_task_before_finished_at missing_task_filters
        invalid_api_key_actions invalid_api_key_indexes invalid_api_key_expires_at invalid_api_key_name
        invalid_api_key_description invalid_api_key_uid invalid_api_key_offset invalid_api_key_limit
        missing_api_key_actions missing_api_key_indexes missing_api_key_expires_at
        immutable_api_key_uid immutable_api_key_actions immutable_api_key_indexes
        immutable_api_key_expires_at immutable_api_key_created_at immutable_api_key_updated_at
        index_scoped_api_key_with_global_action
    }
    401 Auth { missing_authorization_header missing_master_key }
    403 Auth { invalid_api_key }
    404 InvalidRequest { api_key_not_found document_not_found index_not_found task_not_found batch_not_found }
    409 InvalidRequest { api_key_already_exists index_already_exists }
    413 InvalidRequest { payload_too_large }
    415 InvalidRequest { invalid_content_type missing_content_type }
    422 System { io_error no_space_left_on_device too_many_open_files }
    500 Internal { internal database_size_limit_reached invalid_store_file }
    501 Internal { not_implemented }
    503 System { too_many_search_requests }
}

/// An error with its code and the sentence shown to the client.
#[derive(Debug, Clone)]
pub struct ApiError {
    pub code: Code,
    pub message: String,
}

pub type Result<T, E = ApiError> = std::result::Result<T, E>;

impl ApiError {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        ApiError { code, message: message.into() }
    }

    /// Something broke that is not the client's doing.
    pub fn internal(reason: impl fmt::Display) -> Self {
        ApiError::new(code::internal, reason.to_string())
    }

    pub fn index_not_found(uid: &str) -> Self {
        ApiError::new(code::index_not_found, format!("Index `{uid}` not found."))
    }

    /// Puts `prefix` before the sentence, keeping the code.
    pub fn prefixed(mut self, prefix: &str) -> Self {
        self.message.insert_str(0, prefix);
        self
    }

    pub fn body(&self) -> ErrorBody {
        ErrorBody {
            message: self.message.clone(),
            code: self.code.name.to_owned(),
            kind: self.code.family.as_str().to_owned(),
            link: format!("https://docs.meilisearch.com/errors#{}", self.code.name),
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.name, self.message)
    }
}

impl std::error::Error for ApiError {}

impl From<std::io::Error> for ApiError {
    fn from(err: std::io::Error) -> Self {
        let code = match err.raw_os_error() {
            Some(24) => code::too_many_open_files,
            Some(28) => code::no_space_left_on_device,
            Some(5) => code::io_error,
            _ => code::internal,
        };
        ApiError::new(code, err.to_string())
    }
}

impl From<heed::Error> for ApiError {
    fn from(err: heed::Error) -> Self {
        ApiError::from(milli_core::Error::from(err))
    }
}

impl From<serde_json::Error> for ApiError {
    fn from(err: serde_json::Error) -> Self {
        ApiError::internal(err)
    }
}

/// The error as it is sent and as it is kept with a failed task.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ErrorBody {
    pub message: String,
    pub code: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub link: String,
}
