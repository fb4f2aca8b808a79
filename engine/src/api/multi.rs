//! Several searches in one request.

use std::collections::BTreeMap;

use serde_json::{json, Map, Value};

use super::search::place;
use super::{Answer, Call};
use crate::app::App;
use crate::decode::At;
use crate::error::{code, ApiError, Code, Result};
use crate::search::federated;
use crate::search::federation::{inside_facets, Federation, Named};
use crate::search::run::run;
use crate::store::indexes::Opened;

/// Whatever goes wrong in a query is the request's fault: an index that is not there is no 404.
fn refused(err: ApiError) -> ApiError {
    let code = if err.code.status == 404 { Code { status: 400, ..err.code } } else { err.code };
    ApiError { code, ..err }
}

fn inside(query: usize, err: ApiError) -> ApiError {
    refused(err).prefixed(&format!("Inside `.queries[{query}]`: "))
}

pub fn search(app: &App, call: &mut Call) -> Result<Answer> {
    let body = call.json()?;
    let root = At::root(&body);
    let (mut queries, mut federation) = (None, None);
    for (name, value) in root.object(code::bad_request)? {
        let at = root.key(name, value);
        match name.as_str() {
            "queries" => queries = Some(at.each(code::bad_request, Named::read)?),
            "federation" => federation = Federation::read(&at)?,
            _ => return Err(root.unknown_field(name, &["queries", "federation"])),
        }
    }
    let queries = queries.ok_or_else(|| root.missing_field(code::bad_request, "queries"))?;
    match federation {
        Some(federation) => merged(app, call, &federation, &queries),
        None => each(app, call, &queries),
    }
}

fn each(app: &App, call: &Call, queries: &[Named]) -> Result<Answer> {
    let mut results = Vec::with_capacity(queries.len());
    for (i, named) in queries.iter().enumerate() {
        results.push(one(app, call, named).map(Value::Object).map_err(|err| inside(i, err))?);
    }
    Ok(Answer::ok(json!({"results": results})))
}

fn one(app: &App, call: &Call, named: &Named) -> Result<Map<String, Value>> {
    named.check_plain()?;
    call.grant.check_index(&named.index)?;
    let opened = app.indexes.require(&named.index)?;
    let txn = opened.index.read_txn()?;
    let tenant_filter = call.grant.tenant_filter(&named.index);
    let place = place(app, &named.index, &opened, &txn, tenant_filter.as_ref());
    let mut answer = Map::from_iter([("indexUid".to_owned(), json!(named.index))]);
    answer.extend(run(&place, &named.query)?);
    Ok(answer)
}

fn merged(app: &App, call: &Call, federation: &Federation, queries: &[Named]) -> Result<Answer> {
    for (i, named) in queries.iter().enumerate() {
        call.grant.check_index(&named.index).map_err(|err| inside(i, err))?;
        named.check_federated(federation).map_err(|err| inside(i, err))?;
    }
    // Each index is opened and read as of one moment, whatever the number of queries in it.
    let mut opened: BTreeMap<&str, Opened> = BTreeMap::new();
    for name in federated::indexes(federation, queries) {
        let found =
            app.indexes.require(name).map_err(|err| match queries.iter().position(|named| named.index == name) {
                Some(query) => inside(query, err),
                None => {
                    let mut err = refused(inside_facets(name, err));
                    err.message.push_str(&format!("\n - Note: index `{name}` is not used in queries"));
                    err
                }
            });
        opened.insert(name, found?);
    }
    for name in federation.facets.keys() {
        call.grant.check_index(name).map_err(|err| inside_facets(name, err))?;
    }
    let mut reads = BTreeMap::new();
    for (name, opened) in &opened {
        reads.insert(*name, (opened, opened.index.read_txn()?, call.grant.tenant_filter(name)));
    }
    let at = |name: &str| {
        let (name, (opened, txn, tenant_filter)) = reads.get_key_value(name)?;
        Some(place(app, name, opened, txn, tenant_filter.as_ref()))
    };
    let places: Vec<_> = queries.iter().filter_map(|named| at(&named.index)).collect();
    let facet_places = federation.facets.keys().filter_map(|name| Some((name.as_str(), at(name)?))).collect();
    federated::run(federation, queries, &places, &facet_places, inside).map(Answer::ok)
}
