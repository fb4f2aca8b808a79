//! Several searches in one request.

use serde_json::{json, Map, Value};

use super::{Answer, Call};
use crate::app::App;
use crate::decode::At;
use crate::error::{code, ApiError, Result};
use crate::search::query::{Query, FIELDS};
use crate::search::run::{run, Place};
use crate::settings::rules;
use crate::uid;

struct Named {
    index: String,
    query: Query,
}

fn read(at: &At<'_>) -> Result<Named> {
    let mut index = None;
    let mut query = Query::default();
    for (name, value) in at.object(code::bad_request)? {
        let at_value = at.key(name, value);
        match name.as_str() {
            "indexUid" => {
                let code = code::invalid_index_uid;
                let found = at_value.string(code)?;
                if let Some(complaint) = uid::complaint(&found) {
                    return Err(at_value.invalid(code, complaint));
                }
                index = Some(found);
            }
            "federationOptions" => {
                at_value.nullable(|at| at.object(code::invalid_multi_search_federation_options).map(|_| ()))?;
            }
            _ => {
                if !query.read(name, &at_value)? {
                    let accepted: Vec<&str> =
                        ["indexUid"].into_iter().chain(FIELDS).chain(["federationOptions"]).collect();
                    return Err(at.unknown_field(name, &accepted));
                }
            }
        }
    }
    let index = index.ok_or_else(|| at.missing_field(code::missing_index_uid, "indexUid"))?;
    Ok(Named { index, query })
}

pub fn search(app: &App, call: &mut Call) -> Result<Answer> {
    let body = call.json()?;
    let root = At::root(&body);
    let mut queries = None;
    let mut federated = false;
    for (name, value) in root.object(code::bad_request)? {
        let at = root.key(name, value);
        match name.as_str() {
            "queries" => queries = Some(at.each(code::bad_request, read)?),
            "federation" => federated = !value.is_null(),
            _ => return Err(root.unknown_field(name, &["federation", "queries"])),
        }
    }
    let queries = queries.ok_or_else(|| root.missing_field(code::bad_request, "queries"))?;
    if federated {
        return Err(ApiError::new(code::invalid_multi_search_federated, "this node does not merge federated searches"));
    }
    let mut results = Vec::with_capacity(queries.len());
    for (i, named) in queries.iter().enumerate() {
        // Whatever goes wrong in a query is the request's fault: an index that is not there is no 404.
        let inside = |err: ApiError| {
            let code = if err.code.status == 404 { crate::error::Code { status: 400, ..err.code } } else { err.code };
            ApiError { code, ..err }.prefixed(&format!("Inside `.queries[{i}]`: "))
        };
        results.push(one(app, call, named).map(Value::Object).map_err(inside)?);
    }
    Ok(Answer::ok(json!({"results": results})))
}

fn one(app: &App, call: &Call, named: &Named) -> Result<Map<String, Value>> {
    call.grant.check_index(&named.index)?;
    let opened = app.indexes.require(&named.index)?;
    let txn = opened.index.read_txn()?;
    let tenant_filter = call.grant.tenant_filter(&named.index);
    let place = Place {
        name: &named.index,
        index: &opened.index,
        split_rules: rules::are_split(&opened.rules()),
        txn: &txn,
        embedders: &app.embedders,
        tenant_filter: tenant_filter.as_ref(),
    };
    let mut answer = Map::from_iter([("indexUid".to_owned(), json!(named.index))]);
    answer.extend(run(&place, &named.query)?);
    Ok(answer)
}
