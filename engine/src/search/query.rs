//! The parameters of a search, from a body or from a query string.

use milli_core::tokenizer::Language;
use milli_core::TermsMatchingStrategy;
use serde_json::Value;

use crate::decode::{At, Param, Params};
use crate::error::{code, ApiError, Code, Result};
use crate::settings::language;

pub const DEFAULT_LIMIT: usize = 20;

#[derive(Debug, Clone)]
pub struct Query {
    pub q: Option<String>,
    pub offset: usize,
    pub limit: usize,
    pub page: Option<usize>,
    pub hits_per_page: Option<usize>,
    pub attributes_to_retrieve: Option<Vec<String>>,
    pub attributes_to_crop: Option<Vec<String>>,
    pub crop_length: usize,
    pub crop_marker: String,
    pub attributes_to_highlight: Option<Vec<String>>,
    pub highlight_pre_tag: String,
    pub highlight_post_tag: String,
    pub show_matches_position: bool,
    pub filter: Option<Value>,
    pub sort: Option<Vec<String>>,
    pub distinct: Option<String>,
    pub facets: Option<Vec<String>>,
    pub matching_strategy: TermsMatchingStrategy,
    pub attributes_to_search_on: Option<Vec<String>>,
    pub ranking_score_threshold: Option<f64>,
    pub locales: Option<Vec<Language>>,
    pub hybrid: Option<Hybrid>,
    pub vector: Option<Vec<f32>>,
    pub media: bool,
    pub personalize: bool,
    pub retrieve_vectors: bool,
    pub show_ranking_score: bool,
    pub show_ranking_score_details: bool,
    pub show_performance_details: bool,
}

#[derive(Debug, Clone)]
pub struct Hybrid {
    pub embedder: String,
    pub semantic_ratio: f32,
}

impl Default for Query {
    fn default() -> Self {
        Query {
            q: None,
            offset: 0,
            limit: DEFAULT_LIMIT,
            page: None,
            hits_per_page: None,
            attributes_to_retrieve: None,
            attributes_to_crop: None,
            crop_length: 10,
            crop_marker: "…".into(),
            attributes_to_highlight: None,
            highlight_pre_tag: "<em>".into(),
            highlight_post_tag: "</em>".into(),
            show_matches_position: false,
            filter: None,
            sort: None,
            distinct: None,
            facets: None,
            matching_strategy: TermsMatchingStrategy::Last,
            attributes_to_search_on: None,
            ranking_score_threshold: None,
            locales: None,
            hybrid: None,
            vector: None,
            media: false,
            personalize: false,
            retrieve_vectors: false,
            show_ranking_score: false,
            show_ranking_score_details: false,
            show_performance_details: false,
        }
    }
}

/// The members of a search body.
pub const FIELDS: [&str; 30] = [
    "q", "offset", "limit", "page", "hitsPerPage", "attributesToRetrieve", "attributesToCrop", "cropLength",
    "cropMarker", "attributesToHighlight", "highlightPreTag", "highlightPostTag", "showMatchesPosition", "filter",
    "sort", "distinct", "facets", "matchingStrategy", "attributesToSearchOn", "rankingScoreThreshold", "locales",
    "hybrid", "vector", "retrieveVectors", "media", "personalize", "useNetwork", "showRankingScore",
    "showRankingScoreDetails", "showPerformanceDetails",
];

/// The parameters of a search by GET.
const PARAMS: [&str; 30] = [
    "q", "offset", "limit", "page", "hitsPerPage", "attributesToRetrieve", "attributesToCrop", "cropLength",
    "cropMarker", "attributesToHighlight", "highlightPreTag", "highlightPostTag", "showMatchesPosition", "filter",
    "sort", "distinct", "facets", "matchingStrategy", "attributesToSearchOn", "rankingScoreThreshold", "locales",
    "hybridEmbedder", "hybridSemanticRatio", "vector", "retrieveVectors", "personalizeUserContext", "useNetwork",
    "showRankingScore", "showRankingScoreDetails", "showPerformanceDetails",
];

impl Query {
    pub fn from_body(body: &Value) -> Result<Self> {
        let root = At::root(body);
        let mut query = Query::default();
        for (name, value) in root.object(code::bad_request)? {
            if !query.read(name, &root.key(name, value))? {
                return Err(root.unknown_field(name, &FIELDS));
            }
        }
        Ok(query)
    }

    /// Takes the member `name`; false when a search has no such member.
    pub fn read(&mut self, name: &str, at: &At<'_>) -> Result<bool> {
        match name {
            "q" => self.q = at.nullable(|at| at.string(code::invalid_search_q))?,
            "offset" => self.offset = at.unsigned(code::invalid_search_offset)?,
            "limit" => self.limit = at.unsigned(code::invalid_search_limit)?,
            "page" => self.page = at.nullable(|at| at.unsigned(code::invalid_search_page))?,
            "hitsPerPage" => self.hits_per_page = at.nullable(|at| at.unsigned(code::invalid_search_hits_per_page))?,
            "attributesToRetrieve" => {
                self.attributes_to_retrieve =
                    at.nullable(|at| at.strings(code::invalid_search_attributes_to_retrieve))?
            }
            "attributesToCrop" => {
                self.attributes_to_crop = at.nullable(|at| at.strings(code::invalid_search_attributes_to_crop))?
            }
            "cropLength" => self.crop_length = at.unsigned(code::invalid_search_crop_length)?,
            "cropMarker" => self.crop_marker = at.string(code::invalid_search_crop_marker)?,
            "attributesToHighlight" => {
                self.attributes_to_highlight =
                    at.nullable(|at| at.strings(code::invalid_search_attributes_to_highlight))?
            }
            "highlightPreTag" => self.highlight_pre_tag = at.string(code::invalid_search_highlight_pre_tag)?,
            "highlightPostTag" => self.highlight_post_tag = at.string(code::invalid_search_highlight_post_tag)?,
            "showMatchesPosition" => {
                self.show_matches_position = at.boolean(code::invalid_search_show_matches_position)?
            }
            "filter" => self.filter = Some(at.value.clone()).filter(|value| !value.is_null()),
            "sort" => self.sort = at.nullable(|at| at.strings(code::invalid_search_sort))?,
            "distinct" => self.distinct = at.nullable(|at| at.string(code::invalid_search_distinct))?,
            "facets" => {
                self.facets = at.nullable(|at| at.strings(code::invalid_search_facets))?.filter(|list| !list.is_empty())
            }
            "matchingStrategy" => {
                let word = at.word(code::invalid_search_matching_strategy, &STRATEGIES)?;
                self.matching_strategy = strategy(word);
            }
            "attributesToSearchOn" => {
                self.attributes_to_search_on =
                    at.nullable(|at| at.strings(code::invalid_search_attributes_to_search_on))?
            }
            "rankingScoreThreshold" => {
                self.ranking_score_threshold =
                    at.nullable(|at| threshold(at, code::invalid_search_ranking_score_threshold))?
            }
            "locales" => self.locales = at.nullable(|at| locales(at, code::invalid_search_locales))?,
            "hybrid" => self.hybrid = at.nullable(hybrid)?,
            "vector" => self.vector = at.nullable(vector)?,
            "retrieveVectors" => self.retrieve_vectors = at.boolean(code::invalid_search_retrieve_vectors)?,
            "showRankingScore" => self.show_ranking_score = at.boolean(code::invalid_search_show_ranking_score)?,
            "showRankingScoreDetails" => {
                self.show_ranking_score_details = at.boolean(code::invalid_search_show_ranking_score_details)?
            }
            "showPerformanceDetails" => {
                self.show_performance_details = at.boolean(code::invalid_search_show_performance_details)?
            }
            "media" => self.media = !at.is_null(),
            "personalize" => self.personalize = at.nullable(personalize)?.is_some(),
            "useNetwork" => {
                if at.nullable(|at| at.boolean(code::invalid_search_use_network))? == Some(true) {
                    return Err(not_enabled("passing `useNetwork` in a search query", NETWORK));
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub fn from_params(params: &Params) -> Result<Self> {
        let mut query = Query::default();
        let (mut embedder, mut ratio) = (None, None);
        for param in params.iter() {
            match param.name {
                "hybridEmbedder" => embedder = Some(param.string()),
                "hybridSemanticRatio" => ratio = Some(ratio_param(&param)?),
                _ => query.read_param(&param)?,
            }
        }
        query.hybrid = match (embedder, ratio) {
            (Some(embedder), ratio) => Some(Hybrid { embedder, semantic_ratio: ratio.unwrap_or(0.5) }),
            (None, None) if query.vector.is_some() => {
                let message = "`hybridEmbedder` is mandatory when `vector` is present";
                return Err(ApiError::new(code::missing_search_hybrid, message));
            }
            (None, None) => None,
            (None, Some(_)) => {
                return Err(ApiError::new(
                    code::invalid_search_embedder,
                    "`hybridEmbedder` is mandatory when `hybridSemanticRatio` is present",
                ))
            }
        };
        Ok(query)
    }

    fn read_param(&mut self, param: &Param<'_>) -> Result<()> {
        match param.name {
            "q" => self.q = Some(param.string()),
            "offset" => self.offset = param.unsigned(code::invalid_search_offset)?,
            "limit" => self.limit = param.unsigned(code::invalid_search_limit)?,
            "page" => self.page = Some(param.unsigned(code::invalid_search_page)?),
            "hitsPerPage" => self.hits_per_page = Some(param.unsigned(code::invalid_search_hits_per_page)?),
            "attributesToRetrieve" => self.attributes_to_retrieve = Some(param.list()),
            "attributesToCrop" => self.attributes_to_crop = Some(param.list()),
            "cropLength" => self.crop_length = param.unsigned(code::invalid_search_crop_length)?,
            "cropMarker" => self.crop_marker = param.string(),
            "attributesToHighlight" => self.attributes_to_highlight = Some(param.list()),
            "highlightPreTag" => self.highlight_pre_tag = param.string(),
            "highlightPostTag" => self.highlight_post_tag = param.string(),
            "showMatchesPosition" => {
                self.show_matches_position = param.boolean(code::invalid_search_show_matches_position)?
            }
            "filter" => self.filter = filter_param(param.value),
            "sort" => self.sort = Some(sort_param(param.value)),
            "distinct" => self.distinct = Some(param.string()),
            "facets" => self.facets = Some(param.list()).filter(|list| !list.is_empty()),
            "matchingStrategy" => {
                let known = STRATEGIES.iter().find(|word| **word == param.value);
                self.matching_strategy = known
                    .map(|word| strategy(word))
                    .ok_or_else(|| param.unknown_value(code::invalid_search_matching_strategy, &STRATEGIES))?;
            }
            "attributesToSearchOn" => self.attributes_to_search_on = Some(param.list()),
            "rankingScoreThreshold" => {
                let code = code::invalid_search_ranking_score_threshold;
                self.ranking_score_threshold =
                    Some(unit_param(param).ok_or_else(|| param.invalid(code, THRESHOLD_COMPLAINT))?);
            }
            "locales" => {
                let read = |part: &str| {
                    language(part).ok_or_else(|| {
                        let words = crate::settings::locale_words_sorted().join(", ");
                        let complaint = format_args!("Unsupported locale `{part}`, expected one of {words}");
                        param.invalid(code::invalid_search_locales, complaint)
                    })
                };
                self.locales = Some(param.parts().map(read).collect::<Result<_>>()?);
            }
            "vector" => {
                let numbers: std::result::Result<Vec<f32>, _> = param.parts().map(str::parse).collect();
                self.vector = Some(numbers.map_err(|err| param.invalid(code::invalid_search_vector, err))?);
            }
            "retrieveVectors" => self.retrieve_vectors = param.boolean(code::invalid_search_retrieve_vectors)?,
            "showRankingScore" => self.show_ranking_score = param.boolean(code::invalid_search_show_ranking_score)?,
            "showRankingScoreDetails" => {
                self.show_ranking_score_details = param.boolean(code::invalid_search_show_ranking_score_details)?
            }
            "showPerformanceDetails" => {
                self.show_performance_details = param.boolean(code::invalid_search_show_performance_details)?
            }
            "personalizeUserContext" => return Err(not_enabled("reranking search results", PERSONALIZATION)),
            "useNetwork" => {
                if param.boolean(code::invalid_search_use_network)? {
                    return Err(not_enabled("passing `useNetwork` in a search query", NETWORK));
                }
            }
            _ => return Err(param.unknown(&PARAMS)),
        }
        Ok(())
    }

    /// Whether pages are asked for by number, with exact totals.
    pub fn is_paged(&self) -> bool {
        self.page.is_some() || self.hits_per_page.is_some()
    }

    /// The first hit and the number of hits wanted, before any bound.
    pub fn window(&self) -> (usize, usize) {
        if !self.is_paged() {
            return (self.offset, self.limit);
        }
        let size = self.hits_per_page.unwrap_or(DEFAULT_LIMIT);
        match self.page.unwrap_or(1) {
            0 => (0, 0),
            page => (size.saturating_mul(page - 1), size),
        }
    }
}

/// An experimental feature, and the thread that errors about it point to.
pub struct Feature(&'static str, u32);

pub const NETWORK: Feature = Feature("network", 805);
pub const MULTIMODAL: Feature = Feature("multimodal", 846);
pub const PERSONALIZATION: Feature = Feature("personalization", 866);

/// Refuses the use of a feature that this node does not have.
pub fn not_enabled(what: &str, Feature(name, thread): Feature) -> ApiError {
    ApiError::new(
        code::feature_not_enabled,
        format!(
            "{what} requires enabling the `{name}` experimental feature. See \
             https://github.com/orgs/meilisearch/discussions/{thread}"
        ),
    )
}

pub const STRATEGIES: [&str; 3] = ["last", "all", "frequency"];

fn strategy(word: &str) -> TermsMatchingStrategy {
    match word {
        "all" => TermsMatchingStrategy::All,
        "frequency" => TermsMatchingStrategy::Frequency,
        _ => TermsMatchingStrategy::Last,
    }
}

const THRESHOLD_COMPLAINT: &str =
    "the value of `rankingScoreThreshold` is invalid, expected a float between `0.0` and `1.0`.";
const RATIO_COMPLAINT: &str = "the value of `semanticRatio` is invalid, expected a float between `0.0` and `1.0`.";

fn in_unit(number: f64) -> Option<f64> {
    (0.0..=1.0).contains(&number).then_some(number)
}

pub fn threshold(at: &At<'_>, code: Code) -> Result<f64> {
    in_unit(at.number(code)?).ok_or_else(|| at.invalid(code, THRESHOLD_COMPLAINT))
}

fn unit_param(param: &Param<'_>) -> Option<f64> {
    param.value.parse().ok().and_then(in_unit)
}

fn ratio_param(param: &Param<'_>) -> Result<f32> {
    let code = code::invalid_search_semantic_ratio;
    unit_param(param).map(|n| n as f32).ok_or_else(|| param.invalid(code, RATIO_COMPLAINT))
}

/// The context by which hits would be ranked again.
fn personalize(at: &At<'_>) -> Result<String> {
    const FIELD: &str = "userContext";
    let code = code::invalid_search_personalize;
    let mut context = None;
    for (name, value) in at.object(code)? {
        if name != FIELD {
            return Err(at.unknown_field_as(code, name, &[FIELD]));
        }
        context = Some(at.key(name, value).string(code::invalid_search_personalize_user_context)?);
    }
    context.ok_or_else(|| at.missing_field(code, FIELD))
}

pub fn locales(at: &At<'_>, code: Code) -> Result<Vec<Language>> {
    let words = crate::settings::locale_words();
    at.each(code, |at| Ok(language(at.word(code, &words)?))).map(|found| found.into_iter().flatten().collect())
}

fn vector(at: &At<'_>) -> Result<Vec<f32>> {
    let code = code::invalid_search_vector;
    at.each(code, |at| at.number(code).map(|n| n as f32))
}

pub fn hybrid(at: &At<'_>) -> Result<Hybrid> {
    let mut embedder = None;
    let mut semantic_ratio = 0.5;
    for (name, value) in at.object(code::invalid_search_hybrid_query)? {
        let at_value = at.key(name, value);
        match name.as_str() {
            "embedder" => embedder = Some(at_value.string(code::invalid_search_embedder)?),
            "semanticRatio" => {
                let code = code::invalid_search_semantic_ratio;
                let number = in_unit(at_value.number(code)?);
                semantic_ratio = number.ok_or_else(|| at_value.invalid(code, RATIO_COMPLAINT))? as f32;
            }
            _ => {
                return Err(at.unknown_field_as(
                    code::invalid_search_hybrid_query,
                    name,
                    &["semanticRatio", "embedder"],
                ));
            }
        }
    }
    let embedder = embedder.ok_or_else(|| at.missing_field(code::invalid_search_hybrid_query, "embedder"))?;
    Ok(Hybrid { embedder, semantic_ratio })
}

/// A filter in a query string is JSON if it reads as such, else an expression.
pub fn filter_param(value: &str) -> Option<Value> {
    match serde_json::from_str::<Value>(value) {
        Ok(value) => Some(value),
        Err(_) => {
            Some(value.trim()).filter(|expression| !expression.is_empty()).map(|_| Value::String(value.to_owned()))
        }
    }
}

/// Sort rules between commas; the comma inside `_geoPoint(a,b)` separates nothing.
pub fn sort_param(value: &str) -> Vec<String> {
    let mut rules: Vec<String> = Vec::new();
    let mut open = false;
    for part in value.split(',').map(str::trim) {
        match rules.last_mut() {
            Some(last) if open => {
                last.push(',');
                last.push_str(part);
            }
            _ => rules.push(part.to_owned()),
        }
        open = rules.last().is_some_and(|rule| rule.starts_with("_geoPoint(") && !rule.contains(')'));
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn geo_points_are_not_split() {
        assert_eq!(sort_param("a:asc,_geoPoint(1,2):desc,b:asc"), ["a:asc", "_geoPoint(1,2):desc", "b:asc"]);
    }

    #[test]
    fn windows() {
        let page = |page, hits_per_page| Query { page, hits_per_page, ..Query::default() }.window();
        assert_eq!(page(None, None), (0, 20));
        assert_eq!(page(Some(2), Some(4)), (4, 4));
        assert_eq!(page(Some(0), None), (0, 0));
        assert_eq!(page(None, Some(7)), (0, 7));
    }

    #[test]
    fn every_field_is_read() {
        let body = serde_json::json!({"q": null, "nope": 1});
        assert!(Query::from_body(&body).unwrap_err().message.starts_with("Unknown field `nope`: expected one of `q`"));
    }
}
