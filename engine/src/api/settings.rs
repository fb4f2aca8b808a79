//! Routes about settings.

use serde_json::{Map, Value};

use super::{Answer, Call};
use crate::app::App;
use crate::error::Result;
use crate::queue::task::Work;
use crate::settings::{self, Setting};
use crate::uid;

pub fn by_route(route: &str) -> Option<&'static Setting> {
    settings::ALL.iter().find(|setting| setting.route == route)
}

fn view(app: &App, index: &str) -> Result<Map<String, Value>> {
    uid::check(index)?;
    let opened = app.indexes.require(index)?;
    let txn = opened.index.read_txn()?;
    settings::view(&opened.index, &txn, &opened.rules())
}

pub fn get_all(app: &App, call: &mut Call) -> Result<Answer> {
    Ok(Answer::ok(Value::Object(view(app, &call.index)?)))
}

pub fn get_one(app: &App, call: &mut Call) -> Result<Answer> {
    let mut all = view(app, &call.index)?;
    let value = by_route(&call.tail).and_then(|setting| all.remove(setting.field));
    Ok(Answer::ok(value.unwrap_or_default()))
}

fn enqueue(app: &App, call: &Call, change: Map<String, Value>, reset: bool) -> Result<Answer> {
    uid::check(&call.index)?;
    let create_index = !reset && call.grant.may_create(&call.index);
    let task = app.book.enqueue(Work::Settings { change, create_index, reset }, Some(&call.index), None)?;
    Ok(Answer::with(202, task.receipt()))
}

pub fn change_all(app: &App, call: &mut Call) -> Result<Answer> {
    let change = settings::check_all(&call.json()?)?;
    uid::check(&call.index)?;
    enqueue(app, call, change, false)
}

pub fn reset_all(app: &App, call: &mut Call) -> Result<Answer> {
    enqueue(app, call, settings::reset_all(), true)
}

pub fn change_one(app: &App, call: &mut Call) -> Result<Answer> {
    let mut change = Map::new();
    if let Some(setting) = by_route(&call.tail) {
        change.insert(setting.field.to_owned(), settings::check_one(setting, &call.json()?)?);
    }
    enqueue(app, call, change, false)
}

pub fn reset_one(app: &App, call: &mut Call) -> Result<Answer> {
    let reset = by_route(&call.tail).map(|setting| (setting.field.to_owned(), Value::Null));
    enqueue(app, call, reset.into_iter().collect(), true)
}
