//! Routes that search one index.

use heed::{RoTxn, WithoutTls};
use serde_json::Value;

use super::{Answer, Call};
use crate::app::App;
use crate::error::Result;
use crate::search::facets::{search_values, FacetQuery};
use crate::search::query::Query;
use crate::search::run::{run, Place};
use crate::search::similar::{self, SimilarQuery};
use crate::settings::rules;
use crate::store::indexes::Opened;
use crate::uid;

/// Calls `with` on the index of the path.
fn in_place(app: &App, call: &Call, with: impl FnOnce(&Place<'_>) -> Result<Value>) -> Result<Answer> {
    let opened = app.indexes.require(&call.index)?;
    let txn = opened.index.read_txn()?;
    let tenant_filter = call.grant.tenant_filter(&call.index);
    with(&place(app, &call.index, &opened, &txn, tenant_filter.as_ref())).map(Answer::ok)
}

pub fn place<'a>(
    app: &'a App,
    name: &'a str,
    opened: &'a Opened,
    txn: &'a RoTxn<'a, WithoutTls>,
    tenant_filter: Option<&'a Value>,
) -> Place<'a> {
    Place {
        name,
        index: &opened.index,
        split_rules: rules::are_split(&opened.rules()),
        txn,
        embedders: &app.embedders,
        register: &app.register,
        tenant_filter,
    }
}

pub fn by_body(app: &App, call: &mut Call) -> Result<Answer> {
    let query = Query::from_body(&call.json()?)?;
    uid::check(&call.index)?;
    in_place(app, call, |place| run(place, &query).map(Value::Object))
}

pub fn by_params(app: &App, call: &mut Call) -> Result<Answer> {
    let query = Query::from_params(&call.params)?;
    uid::check(&call.index)?;
    in_place(app, call, |place| run(place, &query).map(Value::Object))
}

pub fn facets(app: &App, call: &mut Call) -> Result<Answer> {
    let query = FacetQuery::from_body(&call.json()?)?;
    uid::check(&call.index)?;
    in_place(app, call, |place| search_values(place, &query))
}

pub fn similar_by_body(app: &App, call: &mut Call) -> Result<Answer> {
    let query = SimilarQuery::from_body(&call.json()?)?;
    uid::check(&call.index)?;
    in_place(app, call, |place| similar::run(place, &query))
}

pub fn similar_by_params(app: &App, call: &mut Call) -> Result<Answer> {
    let query = SimilarQuery::from_params(&call.params)?;
    uid::check(&call.index)?;
    in_place(app, call, |place| similar::run(place, &query))
}
