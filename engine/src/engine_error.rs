//! The engine's own errors as codes of the API.

use milli_core::{Error, InternalError, UserError};

use crate::error::{code, ApiError, Code};

impl From<Error> for ApiError {
    fn from(err: Error) -> Self {
        let code = match &err {
            Error::InternalError(InternalError::Store(_)) | Error::InternalError(_) => code::internal,
            Error::IoError(_) => match err {
                Error::IoError(io) => return ApiError::from(io),
                _ => code::internal,
            },
            Error::UserError(user) => user_code(user),
        };
        let message = match err {
            Error::UserError(UserError::InvalidFilterExpression(expected, found)) => {
                format!("Invalid syntax for the filter parameter: `expected {}, found: {found}`.", expected.join(", "))
            }
            err => err.to_string(),
        };
        // Some of the engine's sentences end with a space.
        let message = message.trim_end().to_owned();
        ApiError { code, message }
    }
}

fn user_code(err: &UserError) -> Code {
    use UserError as E;
    match err {
        E::InvalidStoreFile => code::invalid_store_file,
        E::MaxDatabaseSizeReached => code::database_size_limit_reached,
        E::NoSpaceLeftOnDevice => code::no_space_left_on_device,
        E::AttributeLimitReached => code::max_fields_limit_exceeded,
        E::InvalidFilter(_) | E::InvalidFilterExpression(..) | E::FilterOperatorNotAllowed { .. } => {
            code::invalid_search_filter
        }
        E::MissingDocumentId { .. } => code::missing_document_id,
        E::InvalidDocumentId { .. } | E::TooManyDocumentIds { .. } => code::invalid_document_id,
        E::NoPrimaryKeyCandidateFound => code::index_primary_key_no_candidate_found,
        E::MultiplePrimaryKeyCandidatesFound { .. } => code::index_primary_key_multiple_candidates_found,
        E::PrimaryKeyCannotBeChanged(_) => code::index_primary_key_already_exists,
        E::InvalidDistinctAttribute { .. } => code::invalid_search_distinct,
        E::SortRankingRuleMissing | E::InvalidSortableAttribute { .. } | E::SortError(_) => code::invalid_search_sort,
        E::InvalidFacetsDistribution { .. } => code::invalid_search_facets,
        E::InvalidSearchableAttribute { .. } => code::invalid_search_attributes_to_search_on,
        E::InvalidFacetSearchFacetName { .. } => code::invalid_facet_search_facet_name,
        E::CriterionError(_) => code::invalid_settings_ranking_rules,
        E::InvalidGeoField(_) => code::invalid_document_geo_field,
        E::InvalidVectorDimensions { .. } | E::InvalidIndexingVectorDimensions { .. } => {
            code::invalid_vector_dimensions
        }
        E::InvalidVectorsMapType { .. } | E::InvalidVectorsEmbedderConf { .. } => code::invalid_vectors_type,
        E::TooManyVectors(..) => code::too_many_vectors,
        E::InvalidMinTypoWordLenSetting(..) => code::invalid_settings_typo_tolerance,
        E::InvalidSearchEmbedder(_) => code::invalid_search_embedder,
        E::InvalidSimilarEmbedder(_) => code::invalid_similar_embedder,
        E::VectorEmbeddingError(_) | E::DocumentEmbeddingError(_) => code::vector_embedding_error,
        E::InvalidPrompt(_)
        | E::InvalidPromptForEmbeddings(..)
        | E::TooManyEmbedders(_)
        | E::InvalidFieldForSource { .. }
        | E::MissingFieldForSource { .. }
        | E::InvalidOpenAiModel { .. }
        | E::InvalidOpenAiModelDimensions { .. }
        | E::InvalidOpenAiModelDimensionsMax { .. }
        | E::InvalidSourceForNested { .. }
        | E::MissingSourceForNested { .. }
        | E::InvalidSettingsEmbedder { .. }
        | E::InvalidSettingsDimensions { .. }
        | E::InvalidUrl { .. }
        | E::InvalidDisableBinaryQuantization { .. }
        | E::InvalidSettingsDocumentTemplateMaxBytes { .. } => code::invalid_settings_embedders,
        E::SerdeJson(_)
        | E::EnvAlreadyOpened
        | E::DocumentLimitReached
        | E::UnknownInternalDocumentId { .. }
        | E::MissingDocumentField(_)
        | E::DocumentEditionCannotModifyPrimaryKey
        | E::DocumentEditionDocumentMustBeObject
        | E::DocumentEditionRuntimeError(_)
        | E::DocumentEditionCompilationError(_) => code::internal,
    }
}
