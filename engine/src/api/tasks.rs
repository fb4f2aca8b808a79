//! Routes about tasks and batches.

use serde_json::{json, Value};

use super::{Answer, Call};
use crate::app::App;
use crate::auth::Grant;
use crate::error::{code, ApiError, Result};
use crate::queue::book::{task_not_found, Row};
use crate::queue::filter::Filter;
use crate::queue::task::Work;

/// A bearer for some indexes sees only tasks about these.
fn visible(grant: &Grant) -> impl Fn(&Row) -> bool + '_ {
    let all = grant.sees_all();
    move |row| all || row.index.as_ref().is_some_and(|index| grant.sees(index))
}

pub fn list(app: &App, call: &mut Call) -> Result<Answer> {
    let filter = Filter::for_list(&call.params)?;
    let (tasks, total, next) = app.book.list(&filter, visible(&call.grant))?;
    Ok(Answer::ok(json!({
        "results": tasks.iter().map(|task| task.view()).collect::<Vec<Value>>(),
        "total": total,
        "limit": filter.limit,
        "from": tasks.first().map(|task| task.uid),
        "next": next,
    })))
}

fn number(text: &str, what: &str) -> Result<u32> {
    text.parse().map_err(|_| {
        let code = if what == "Task" { code::invalid_task_uids } else { code::invalid_batch_uids };
        ApiError::new(code, format!("{what} uid `{text}` is invalid. It should only contain numeric characters."))
    })
}

pub fn get(app: &App, call: &mut Call) -> Result<Answer> {
    let uid = number(&call.tail, "Task")?;
    let sees = visible(&call.grant);
    if !app.book.state().rows.get(&uid).is_some_and(sees) {
        return Err(task_not_found(uid));
    }
    let task = app.book.load(uid)?.ok_or_else(|| task_not_found(uid))?;
    Ok(Answer::ok(task.view()))
}

pub fn cancel(app: &App, call: &mut Call) -> Result<Answer> {
    let filter = Filter::for_change(&call.params, "cancel")?;
    let tasks = app.book.matching(&filter, visible(&call.grant));
    let task = app.book.enqueue(Work::CancelTasks { tasks, query: call.query.clone() }, None, None)?;
    Ok(Answer::ok(task.receipt()))
}

pub fn delete(app: &App, call: &mut Call) -> Result<Answer> {
    let filter = Filter::for_change(&call.params, "delete")?;
    let tasks = app.book.matching(&filter, visible(&call.grant));
    let task = app.book.enqueue(Work::DeleteTasks { tasks, query: call.query.clone() }, None, None)?;
    Ok(Answer::ok(task.receipt()))
}

pub fn list_batches(app: &App, call: &mut Call) -> Result<Answer> {
    let filter = Filter::for_list(&call.params)?;
    let (batches, total, next) = app.book.list_batches(&filter, visible(&call.grant))?;
    Ok(Answer::ok(json!({
        "results": batches.iter().map(|batch| batch.view()).collect::<Vec<Value>>(),
        "total": total,
        "limit": filter.limit,
        "from": batches.first().map(|batch| batch.uid),
        "next": next,
    })))
}

pub fn get_batch(app: &App, call: &mut Call) -> Result<Answer> {
    let uid = number(&call.tail, "Batch")?;
    let not_found = || ApiError::new(code::batch_not_found, format!("Batch `{uid}` not found."));
    let batch = app.book.batch(uid)?.ok_or_else(not_found)?;
    let sees = visible(&call.grant);
    let state = app.book.state();
    if !call.grant.sees_all() && !batch.tasks.iter().any(|task| state.rows.get(task).is_some_and(&sees)) {
        return Err(not_found());
    }
    Ok(Answer::ok(batch.view()))
}
