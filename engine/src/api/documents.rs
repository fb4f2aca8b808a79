//! Routes that change documents.

use serde_json::Value;

use super::{content_type_error, essence, Answer, Body, Call};
use crate::app::App;
use crate::decode::{At, Params};
use crate::error::{code, ApiError, Result};
use crate::filter;
use crate::payload::{convert, Format};
use crate::queue::task::{Method, Work};
use crate::uid;

const TYPES: [&str; 3] = ["application/json", "application/x-ndjson", "text/csv"];

pub fn replace(app: &App, call: &mut Call) -> Result<Answer> {
    add(app, call, Method::Replace)
}

pub fn merge(app: &App, call: &mut Call) -> Result<Answer> {
    add(app, call, Method::Merge)
}

#[derive(Default)]
struct AddParams {
    primary_key: Option<String>,
    delimiter: Option<u8>,
    metadata: Option<String>,
    skip_creation: bool,
}

impl AddParams {
    fn read(params: &Params) -> Result<Self> {
        const NAMES: [&str; 4] = ["primaryKey", "csvDelimiter", "customMetadata", "skipCreation"];
        let mut read = AddParams::default();
        for param in params.iter() {
            match param.name {
                "primaryKey" => read.primary_key = Some(param.string()).filter(|key| !key.is_empty()),
                "customMetadata" => read.metadata = Some(param.string()),
                "skipCreation" => {
                    read.skip_creation = param.value.parse().map_err(|_| {
                        let message =
                            format!("skipCreation must be either `true` or `false`. Found: `{}`", param.value);
                        ApiError::new(code::invalid_skip_creation, message)
                    })?;
                }
                "csvDelimiter" => {
                    let code = code::invalid_document_csv_delimiter;
                    let mut chars = param.value.chars();
                    read.delimiter = match (chars.next(), chars.next()) {
                        (Some(one), None) if one.is_ascii() => Some(one as u8),
                        (Some(one), None) => {
                            let message = format!("csv delimiter must be an ascii character. Found: `{one}`");
                            return Err(ApiError::new(code, message));
                        }
                        (None, _) => {
                            return Err(
                                param.invalid(code, "expected a string of one character, but found an empty string")
                            )
                        }
                        _ => {
                            return Err(param.invalid(
                                code,
                                format_args!(
                                    "expected a string of one character, but found the following string of {} \
                                     characters: `{}`",
                                    param.value.chars().count(),
                                    param.value
                                ),
                            ))
                        }
                    };
                }
                _ => return Err(param.unknown(&NAMES)),
            }
        }
        Ok(read)
    }

    fn format(&self, content_type: Option<&str>) -> Result<Format> {
        let kind = content_type.map(essence);
        let format = match kind.as_deref() {
            Some("application/json") => Format::Json,
            Some("application/x-ndjson") => Format::Ndjson,
            Some("text/csv") => return Ok(Format::Csv { delimiter: self.delimiter.unwrap_or(b',') }),
            // The part after a `+` is not told.
            _ => return Err(content_type_error(content_type.and_then(|found| found.split('+').next()), &TYPES)),
        };
        match self.delimiter {
            None => Ok(format),
            Some(_) => Err(ApiError::new(
                code::invalid_content_type,
                format!(
                    "The Content-Type `{}` does not support the use of a csv delimiter. The csv delimiter can only be \
                     used with the Content-Type `text/csv`.",
                    kind.unwrap_or_default()
                ),
            )),
        }
    }
}

fn add(app: &App, call: &mut Call, method: Method) -> Result<Answer> {
    let params = AddParams::read(&call.params)?;
    uid::check(&call.index)?;
    let format = params.format(call.content_type.as_deref())?;
    let missing = || ApiError::new(code::missing_payload, format!("A {} payload is missing.", format.name()));
    let Body::File(received) = std::mem::replace(&mut call.body, Body::None) else { return Err(missing()) };
    if received.as_file().metadata()?.len() == 0 {
        return Err(missing());
    }
    use std::io::Seek as _;
    received.as_file().rewind()?;
    let mut lines = app.payloads.scratch()?;
    let count = convert(received.as_file(), lines.as_file_mut(), format)?;
    drop(received);
    let file = app.payloads.keep(lines)?;
    let work = Work::AddDocuments {
        file,
        method,
        primary_key: params.primary_key,
        received: count,
        create_index: call.grant.may_create(&call.index),
        skip_creation: params.skip_creation,
    };
    let task = app.book.enqueue(work, Some(&call.index), params.metadata).inspect_err(|_| app.payloads.remove(file))?;
    Ok(Answer::with(202, task.receipt()))
}

fn metadata(params: &Params) -> Result<Option<String>> {
    let mut metadata = None;
    for param in params.iter() {
        match param.name {
            "customMetadata" => metadata = Some(param.string()),
            _ => return Err(param.unknown(&["customMetadata"])),
        }
    }
    Ok(metadata)
}

fn enqueue(app: &App, call: &Call, work: Work) -> Result<Answer> {
    let task = app.book.enqueue(work, Some(&call.index), metadata(&call.params)?)?;
    Ok(Answer::with(202, task.receipt()))
}

pub fn clear(app: &App, call: &mut Call) -> Result<Answer> {
    uid::check(&call.index)?;
    enqueue(app, call, Work::ClearDocuments)
}

pub fn delete_one(app: &App, call: &mut Call) -> Result<Answer> {
    uid::check(&call.index)?;
    enqueue(app, call, Work::DeleteDocuments { ids: vec![call.tail.clone()] })
}

pub fn delete_batch(app: &App, call: &mut Call) -> Result<Answer> {
    let values: Vec<Value> = serde_json::from_slice(call.json_bytes()?)
        .map_err(|err| ApiError::new(code::bad_request, format!("Json deserialize error: {err}")))?;
    uid::check(&call.index)?;
    let ids = values.into_iter().map(|value| match value {
        Value::String(id) => id,
        other => other.to_string(),
    });
    enqueue(app, call, Work::DeleteDocuments { ids: ids.collect() })
}

pub fn delete_by_filter(app: &App, call: &mut Call) -> Result<Answer> {
    let body = call.json()?;
    let root = At::root(&body);
    let mut given = None;
    for (name, value) in root.object(code::bad_request)? {
        if name != "filter" {
            return Err(root.unknown_field(name, &["filter"]));
        }
        given = Some(value.clone());
    }
    let filter = given.ok_or_else(|| root.missing_field(code::missing_document_filter, "filter"))?;
    uid::check(&call.index)?;
    // What cannot be parsed is refused at once; what does not fit the index fails the task.
    let parsed = filter::read(&filter, code::invalid_document_filter, &app.register)?;
    if parsed.is_none() {
        return Err(ApiError::new(code::invalid_document_filter, "Sending an empty filter is forbidden."));
    }
    enqueue(app, call, Work::DeleteByFilter { filter })
}
