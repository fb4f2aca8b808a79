//! What a multi-search says about merging its queries into one answer.

use std::collections::BTreeMap;

use serde_json::json;

use super::query::{not_enabled, Query, DEFAULT_LIMIT, FIELDS, NETWORK};
use crate::decode::At;
use crate::error::{code, ApiError, Result};
use crate::uid;

/// One query of a multi-search.
pub struct Named {
    pub index: String,
    pub query: Query,
    pub options: Option<Options>,
    /// The members that were given, nulls aside.
    given: Vec<String>,
}

/// What one query says about its part in the merge.
pub struct Options {
    pub weight: f64,
    remote: bool,
    position: bool,
}

pub struct Federation {
    pub limit: usize,
    pub offset: usize,
    pub page: Option<usize>,
    pub hits_per_page: Option<usize>,
    /// Index → wanted facets; none where the client wrote null.
    pub facets: BTreeMap<String, Option<Vec<String>>>,
    /// The most values of a facet after the merge, if facets are to be merged.
    pub merge_facets: Option<Option<usize>>,
    pub distinct: Option<String>,
}

impl Named {
    pub fn read(at: &At<'_>) -> Result<Self> {
        let mut named = Named { index: String::new(), query: Query::default(), options: None, given: Vec::new() };
        let mut has_index = false;
        for (name, value) in at.object(code::bad_request)? {
            let at_value = at.key(name, value);
            if !value.is_null() {
                named.given.push(name.clone());
            }
            match name.as_str() {
                "indexUid" => {
                    let code = code::invalid_index_uid;
                    named.index = at_value.string(code)?;
                    has_index = true;
                    if let Some(complaint) = uid::complaint(&named.index) {
                        return Err(at_value.invalid(code, complaint));
                    }
                }
                "federationOptions" => named.options = at_value.nullable(Options::read)?,
                "offset" | "limit" | "showPerformanceDetails" if value.is_null() => {}
                _ => {
                    if !named.query.read(name, &at_value)? {
                        let accepted: Vec<&str> =
                            ["indexUid"].into_iter().chain(FIELDS).chain(["federationOptions"]).collect();
                        return Err(at.unknown_field(name, &accepted));
                    }
                }
            }
        }
        match has_index {
            true => Ok(named),
            false => Err(at.missing_field(code::missing_index_uid, "indexUid")),
        }
    }

    pub fn weight(&self) -> f64 {
        self.options.as_ref().map_or(1.0, |options| options.weight)
    }

    /// Refuses what has no meaning outside of a federation.
    pub fn check_plain(&self) -> Result<()> {
        match self.options {
            None => Ok(()),
            Some(_) => Err(ApiError::new(
                code::invalid_multi_search_federation_options,
                "Using `federationOptions` is not allowed in a non-federated search.\n - Hint: remove \
                 `federationOptions` from the query or add `federation` to the request.",
            )),
        }
    }

    /// Refuses what a query cannot say for itself inside a federation.
    pub fn check_federated(&self, federation: &Federation) -> Result<()> {
        let has = |name: &str| self.given.iter().any(|given| given == name);
        let refused = |code, message: String| Err(ApiError::new(code, message));
        if let Some(name) = ["offset", "limit", "page", "hitsPerPage"].into_iter().find(|name| has(name)) {
            return refused(
                code::invalid_multi_search_query_pagination,
                format!(
                    "Using pagination options is not allowed in federated queries.\n - Hint: remove `{name}` from the \
                     query or remove `federation` from the request\n - Hint: pass `federation.limit` and \
                     `federation.offset` for pagination in federated search"
                ),
            );
        }
        if let Some(facets) = &self.query.facets {
            return refused(
                code::invalid_multi_search_query_facets,
                format!(
                    "Using facet options is not allowed in federated queries.\n - Hint: remove `facets` from the query \
                     or remove `federation` from the request\n - Hint: pass `federation.facetsByIndex.{}: {facets:?}` \
                     for facets in federated search",
                    self.index
                ),
            );
        }
        if has("showPerformanceDetails") {
            return refused(
                code::invalid_multi_search_query_show_performance_details,
                "Using `.showPerformanceDetails` is not allowed in federated queries.\n - Hint: remove \
                 `showPerformanceDetails` from the query or remove `federation` from the request"
                    .to_owned(),
            );
        }
        if has("distinct") && federation.distinct.is_some() {
            return refused(
                code::invalid_multi_search_distinct,
                "Using `distinct` options is not allowed in federated queries when it also appears in \
                 `.federation.distinct`.\n - Hint: remove `distinct` from the query or remove `federation` from the \
                 request\n  - Note: `distinct` at the query level is discouraged in federated search."
                    .to_owned(),
            );
        }
        match &self.options {
            Some(Options { remote: true, .. }) => Err(not_enabled("Performing a remote federated search", NETWORK)),
            Some(Options { position: true, .. }) => {
                Err(not_enabled("Using `federationOptions.queryPosition`", NETWORK))
            }
            _ => Ok(()),
        }
    }
}

impl Options {
    fn read(at: &At<'_>) -> Result<Self> {
        let (mut weight, mut remote, mut position) = (1.0, false, false);
        for (name, value) in at.object(code::bad_request)? {
            let at_value = at.key(name, value);
            match name.as_str() {
                "weight" => {
                    let code = code::invalid_multi_search_weight;
                    weight = at_value.number(code)?;
                    if weight < 0.0 {
                        let reason = "the value of `weight` is invalid, expected a positive float (>= 0.0).";
                        return Err(at_value.invalid(code, reason));
                    }
                }
                "remote" => {
                    remote = at_value.nullable(|at| at.string(code::invalid_multi_search_remote))?.is_some();
                }
                "queryPosition" => {
                    let code = code::invalid_multi_search_query_position;
                    position = at_value.nullable(|at| at.unsigned(code))?.is_some();
                }
                _ => return Err(at.unknown_field(name, &["weight", "remote", "queryPosition"])),
            }
        }
        Ok(Options { weight, remote, position })
    }
}

impl Federation {
    /// The federation of a request; none for null.
    pub fn read(at: &At<'_>) -> Result<Option<Self>> {
        const FIELDS: [&str; 9] = [
            "limit", "offset", "page", "hitsPerPage", "facetsByIndex", "mergeFacets", "distinct",
            "showPerformanceDetails", "personalize",
        ];
        if at.is_null() {
            return Ok(None);
        }
        let mut federation = Federation {
            limit: DEFAULT_LIMIT,
            offset: 0,
            page: None,
            hits_per_page: None,
            facets: BTreeMap::new(),
            merge_facets: None,
            distinct: None,
        };
        for (name, value) in at.object(code::bad_request)? {
            let at_value = at.key(name, value);
            match name.as_str() {
                "limit" => federation.limit = at_value.unsigned(code::invalid_search_limit)?,
                "offset" => federation.offset = at_value.unsigned(code::invalid_search_offset)?,
                "page" => federation.page = at_value.nullable(|at| at.unsigned(code::invalid_search_page))?,
                "hitsPerPage" => {
                    federation.hits_per_page =
                        at_value.nullable(|at| at.unsigned(code::invalid_search_hits_per_page))?
                }
                "facetsByIndex" => federation.facets = facets_by_index(&at_value)?,
                "mergeFacets" => federation.merge_facets = at_value.nullable(merge_facets)?,
                "distinct" => federation.distinct = at_value.nullable(|at| at.string(code::invalid_search_distinct))?,
                "showPerformanceDetails" => {
                    at_value.boolean(code::invalid_search_show_performance_details)?;
                }
                "personalize" => {
                    Query::default().read(name, &at_value)?;
                }
                _ => return Err(at.unknown_field(name, &FIELDS)),
            }
        }
        Ok(Some(federation))
    }

    /// The page wanted, as a search has it.
    pub fn as_query(&self) -> Query {
        let Federation { limit, offset, page, hits_per_page, .. } = *self;
        Query { limit, offset, page, hits_per_page, ..Query::default() }
    }
}

fn facets_by_index(at: &At<'_>) -> Result<BTreeMap<String, Option<Vec<String>>>> {
    let code = code::invalid_multi_search_facets_by_index;
    let mut facets = BTreeMap::new();
    for (index, wanted) in at.object(code)? {
        if uid::complaint(index).is_some() {
            let key = json!(index);
            let reason = format!(
                "the key {key} could not be deserialized into the key type `meilisearch_types::index_uid::IndexUid`"
            );
            return Err(at.invalid(code, reason));
        }
        facets.insert(index.clone(), at.key(index, wanted).nullable(|at| at.strings(code))?);
    }
    Ok(facets)
}

fn merge_facets(at: &At<'_>) -> Result<Option<usize>> {
    let mut most = None;
    for (name, value) in at.object(code::invalid_multi_search_merge_facets)? {
        if name != "maxValuesPerFacet" {
            let code = code::invalid_multi_search_merge_facets;
            return Err(at.unknown_field_as(code, name, &["maxValuesPerFacet"]));
        }
        let code = code::invalid_multi_search_max_values_per_facet;
        most = at.key(name, value).nullable(|at: &At<'_>| at.unsigned(code))?;
    }
    Ok(most)
}

/// The facets of one index, named in errors by their place in the request.
pub fn inside_facets(index: &str, err: ApiError) -> ApiError {
    err.prefixed(&format!("Inside `.federation.facetsByIndex.{index}`: "))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_federation_is_read() {
        let body =
            json!({"page": 2, "facetsByIndex": {"m": ["a"], "n": null}, "mergeFacets": {"maxValuesPerFacet": 3}});
        let federation = Federation::read(&At::root(&body)).unwrap().unwrap();
        assert!(federation.as_query().is_paged() && federation.as_query().window() == (20, 20));
        assert_eq!(federation.facets["m"], Some(vec!["a".to_owned()]));
        assert_eq!((&federation.facets["n"], federation.merge_facets), (&None, Some(Some(3))));
        assert!(Federation::read(&At::root(&Value::Null)).unwrap().is_none());
        assert!(Federation::read(&At::root(&json!({"facetsByIndex": {"a b": null}}))).is_err());
    }
}
