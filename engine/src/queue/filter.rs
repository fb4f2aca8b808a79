//! Which tasks a request is about.

use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, Duration, OffsetDateTime};

use super::book::{Row, State};
use super::task::{Status, TaskId, KINDS};
use crate::decode::{Param, Params};
use crate::error::{code, ApiError, Code, Result};
use crate::uid;

#[derive(Debug, Default)]
pub struct Filter {
    pub limit: usize,
    pub from: Option<u32>,
    pub reverse: bool,
    pub batches: Option<Vec<u32>>,
    uids: Option<Vec<TaskId>>,
    canceled_by: Option<Vec<TaskId>>,
    kinds: Option<Vec<&'static str>>,
    statuses: Option<Vec<Status>>,
    indexes: Option<Vec<String>>,
    enqueued: Span,
    started: Span,
    finished: Span,
}

/// An open interval of time.
#[derive(Debug, Default)]
struct Span {
    after: Option<OffsetDateTime>,
    before: Option<OffsetDateTime>,
}

impl Span {
    fn is_open(&self) -> bool {
        self.after.is_none() && self.before.is_none()
    }

    fn holds(&self, at: Option<OffsetDateTime>) -> bool {
        match at {
            None => self.is_open(),
            Some(at) => self.after.is_none_or(|after| at > after) && self.before.is_none_or(|before| at < before),
        }
    }
}

const LIST: [&str; 15] = [
    "limit", "from", "reverse", "batchUids", "uids", "canceledBy", "types", "statuses", "indexUids", "afterEnqueuedAt",
    "beforeEnqueuedAt", "afterStartedAt", "beforeStartedAt", "afterFinishedAt", "beforeFinishedAt",
];

/// The same but for the page, in the order of the routes that change tasks.
const CHANGE: [&str; 12] = [
    "uids", "batchUids", "canceledBy", "types", "statuses", "indexUids", "afterEnqueuedAt", "beforeEnqueuedAt",
    "afterStartedAt", "beforeStartedAt", "afterFinishedAt", "beforeFinishedAt",
];

impl Filter {
    /// For a list: any parameter, and a page.
    pub fn for_list(params: &Params) -> Result<Self> {
        Self::read(params, &LIST)
    }

    /// For a cancelation or deletion, named by `verb`: at least one filter, and no page.
    pub fn for_change(params: &Params, verb: &str) -> Result<Self> {
        if params.is_empty() {
            return Err(ApiError::new(
                code::missing_task_filters,
                format!(
                    "Query parameters to filter the tasks to {verb} are missing. Available query parameters are: \
                     `uids`, `indexUids`, `statuses`, `types`, `canceledBy`, `beforeEnqueuedAt`, `afterEnqueuedAt`, \
                     `beforeStartedAt`, `afterStartedAt`, `beforeFinishedAt`, `afterFinishedAt`."
                ),
            ));
        }
        Self::read(params, &CHANGE)
    }

    fn read(params: &Params, accepted: &[&str]) -> Result<Self> {
        let mut filter = Filter { limit: 20, ..Filter::default() };
        for param in params.iter() {
            if !accepted.contains(&param.name) {
                return Err(param.unknown(accepted));
            }
            match param.name {
                "limit" => filter.limit = param.unsigned(code::invalid_task_limit)?,
                "from" => filter.from = Some(param.uid(code::invalid_task_from)?),
                "reverse" => filter.reverse = param.boolean(code::invalid_task_reverse)?,
                "batchUids" => filter.batches = listed(&param, |part| part.uid(code::invalid_batch_uids))?,
                "uids" => filter.uids = listed(&param, |part| part.uid(code::invalid_task_uids))?,
                "canceledBy" => filter.canceled_by = listed(&param, |part| part.uid(code::invalid_task_canceled_by))?,
                "types" => filter.kinds = listed(&param, kind)?,
                "statuses" => filter.statuses = listed(&param, status)?,
                "indexUids" => filter.indexes = listed(&param, index)?,
                "afterEnqueuedAt" => filter.enqueued.after = after(&param, code::invalid_task_after_enqueued_at)?,
                "beforeEnqueuedAt" => filter.enqueued.before = before(&param, code::invalid_task_before_enqueued_at)?,
                "afterStartedAt" => filter.started.after = after(&param, code::invalid_task_after_started_at)?,
                "beforeStartedAt" => filter.started.before = before(&param, code::invalid_task_before_started_at)?,
                "afterFinishedAt" => filter.finished.after = after(&param, code::invalid_task_after_finished_at)?,
                _ => filter.finished.before = before(&param, code::invalid_task_before_finished_at)?,
            }
        }
        Ok(filter)
    }

    /// Whether nothing but the page was asked for.
    pub fn is_open(&self) -> bool {
        self.uids.is_none()
            && self.canceled_by.is_none()
            && self.kinds.is_none()
            && self.statuses.is_none()
            && self.indexes.is_none()
            && self.enqueued.is_open()
            && self.started.is_open()
            && self.finished.is_open()
    }

    /// Whether a task that matches is also shown: where indexes are named, one about several of them only counts.
    pub fn lists(&self, row: &Row) -> bool {
        self.indexes.is_none() || row.index.is_some()
    }

    pub fn matches(&self, uid: TaskId, row: &Row, state: &State) -> bool {
        let cancels = |wanted: &Vec<TaskId>| {
            row.canceled_by.is_some_and(|by| wanted.contains(&by) && state.rows.contains_key(&by))
        };
        allows(&self.uids, &uid)
            && self.batches.as_ref().is_none_or(|wanted| row.batch.is_some_and(|batch| wanted.contains(&batch)))
            && self.canceled_by.as_ref().is_none_or(cancels)
            && self.kinds.as_ref().is_none_or(|wanted| wanted.contains(&row.kind))
            && allows(&self.statuses, &row.status)
            && self
                .indexes
                .as_ref()
                .is_none_or(|wanted| row.index.iter().chain(&row.swapped).any(|i| wanted.contains(i)))
            && self.enqueued.holds(Some(row.enqueued))
            && self.started.holds(row.started)
            && self.finished.holds(row.finished)
    }
}

fn allows<T: PartialEq>(wanted: &Option<Vec<T>>, value: &T) -> bool {
    wanted.as_ref().is_none_or(|wanted| wanted.contains(value))
}

/// The parts of a comma list; `*` stands for any.
fn listed<T>(param: &Param<'_>, read: impl Fn(&Param<'_>) -> Result<T>) -> Result<Option<Vec<T>>> {
    if param.parts().any(|part| part == "*") {
        return Ok(None);
    }
    if let (Some(only), None) = (param.parts().next(), param.parts().nth(1)) {
        return Ok(Some(vec![read(&Param { name: param.name, value: only })?]));
    }
    // What is wrong with one of several parts names its place.
    let place = |i: usize| format!("{}[{i}]", param.name);
    let parts = param.parts().enumerate();
    parts.map(|(i, value)| read(&Param { name: &place(i), value })).collect::<Result<_>>().map(Some)
}

fn kind(part: &Param<'_>) -> Result<&'static str> {
    KINDS.into_iter().find(|kind| kind.eq_ignore_ascii_case(part.value)).ok_or_else(|| {
        let kinds = crate::decode::listed(&KINDS);
        part.invalid(
            code::invalid_task_types,
            format_args!("`{}` is not a valid task type. Available types are {kinds}.", part.value),
        )
    })
}

fn status(part: &Param<'_>) -> Result<Status> {
    Status::ALL.into_iter().find(|status| status.name().eq_ignore_ascii_case(part.value)).ok_or_else(|| {
        let statuses = crate::decode::listed(&Status::ALL.map(Status::name));
        part.invalid(
            code::invalid_task_statuses,
            format_args!("`{}` is not a valid task status. Available statuses are {statuses}.", part.value),
        )
    })
}

fn index(part: &Param<'_>) -> Result<String> {
    match uid::complaint(part.value) {
        None => Ok(part.value.to_owned()),
        Some(complaint) => Err(part.invalid(code::invalid_index_uid, complaint)),
    }
}

/// A date-time; a plain date stands for the start of that day, or of the next one for "after".
fn moment(param: &Param<'_>, code: Code, next_day: bool) -> Result<Option<OffsetDateTime>> {
    if param.value == "*" {
        return Ok(None);
    }
    if let Ok(at) = OffsetDateTime::parse(param.value, &Rfc3339) {
        return Ok(Some(at));
    }
    let date = Date::parse(param.value, format_description!("[year]-[month]-[day]")).ok();
    let at = date.map(|date| date.midnight().assume_utc()).and_then(|at| match next_day {
        true => at.checked_add(Duration::days(1)),
        false => Some(at),
    });
    at.map(Some).ok_or_else(|| {
        param.invalid(
            code,
            format_args!(
                "`{}` is an invalid date-time. It should follow the YYYY-MM-DD or RFC 3339 date-time format.",
                param.value
            ),
        )
    })
}

fn after(param: &Param<'_>, code: Code) -> Result<Option<OffsetDateTime>> {
    moment(param, code, true)
}

fn before(param: &Param<'_>, code: Code) -> Result<Option<OffsetDateTime>> {
    moment(param, code, false)
}
