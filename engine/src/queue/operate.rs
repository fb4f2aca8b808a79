//! Doing what tasks about one index ask for.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use bumpalo::Bump;
use heed::{RoTxn, WithoutTls};
use memmap2::Mmap;
use milli_core::documents::PrimaryKey;
use milli_core::progress::Progress;
use milli_core::update::new::indexer::{self, DocumentDeletion, DocumentOperation};
use milli_core::update::{ClearDocuments, IndexerConfig, Settings};
use milli_core::{Error, Filter, Index, InternalError, ThreadPoolNoAbort};
use roaring::RoaringBitmap;
use serde_json::Value;

use super::task::{Method, Task, Work};
use super::worker::Worker;
use crate::error::{code, ApiError, Result};
use crate::store::indexes::Opened;
use crate::store::payloads;

/// Why a batch did not end.
pub enum Stop {
    /// It was told to give up.
    Aborted,
    /// What was asked for is impossible.
    Failed(ApiError),
    /// The engine says so of an index.
    Engine(ApiError),
}

impl From<Error> for Stop {
    fn from(err: Error) -> Self {
        match err {
            Error::InternalError(InternalError::AbortedIndexation) => Stop::Aborted,
            err => Stop::Engine(err.into()),
        }
    }
}

impl From<heed::Error> for Stop {
    fn from(err: heed::Error) -> Self {
        Error::from(err).into()
    }
}

impl From<ApiError> for Stop {
    fn from(err: ApiError) -> Self {
        Stop::Failed(err)
    }
}

/// Runs the tasks, which all are about one index. Each ends succeeded or failed; what fails several of them at once is
/// returned, for them to be tried one by one.
pub fn run(
    worker: &Worker,
    tasks: &mut [Task],
    names: &mut BTreeMap<String, Opened>,
    progress: &Progress,
) -> Result<(), Stop> {
    let uid = tasks.first().and_then(|task| task.index_uid.clone()).unwrap_or_default();
    let existing = names.get(&uid).cloned();
    let creates = tasks.iter().any(|task| match &task.work {
        Work::AddDocuments { create_index, .. } | Work::Settings { create_index, .. } => *create_index,
        Work::CreateIndex { .. } => true,
        _ => false,
    });
    let index = match (&existing, creates) {
        (Some(_), _) if matches!(tasks[0].work, Work::CreateIndex { .. }) => {
            tasks[0].fail(ApiError::new(code::index_already_exists, format!("Index `{uid}` already exists.")).body());
            return Ok(());
        }
        (Some(opened), _) => opened.index.clone(),
        (None, true) => {
            let opened = worker.indexes.create()?;
            names.insert(uid.clone(), opened.clone());
            opened.index
        }
        (None, false) => {
            tasks.iter_mut().for_each(|task| task.fail(ApiError::index_not_found(&uid).body()));
            return Ok(());
        }
    };
    let done = match tasks[0].work.clone() {
        Work::AddDocuments { .. } | Work::DeleteDocuments { .. } | Work::DeleteByFilter { .. } => {
            match tasks.iter().any(|task| matches!(task.work, Work::AddDocuments { .. })) {
                true => write_documents(worker, &index, tasks, progress),
                false => delete_documents(worker, &index, tasks, progress),
            }
        }
        Work::ClearDocuments => clear(&index).map(|count| tasks[0].count("deletedDocuments", count)),
        Work::Settings { change, .. } => set_up(worker, &index, |settings| crate::settings::apply(&change, settings)),
        Work::CreateIndex { primary_key: None } => Ok(()),
        Work::CreateIndex { primary_key: Some(key) } => set_up(worker, &index, |settings| {
            settings.set_primary_key(key);
            Ok(())
        }),
        Work::UpdateIndex { primary_key, new_uid } => {
            update(worker, &index, &uid, primary_key, new_uid, names).map(|new| tasks[0].index_uid = Some(new))
        }
        Work::DeleteIndex => count(&index).map(|count| {
            names.remove(&uid);
            tasks[0].count("deletedDocuments", count);
        }),
        Work::SwapIndexes { .. } | Work::CancelTasks { .. } | Work::DeleteTasks { .. } => {
            Err(Stop::Failed(ApiError::internal("this task is about no index")))
        }
    };
    match done {
        Ok(()) => tasks.iter_mut().filter(|task| task.error.is_none()).for_each(Task::succeed),
        Err(Stop::Aborted) => return Err(Stop::Aborted),
        Err(Stop::Failed(err) | Stop::Engine(err)) if tasks.len() > 1 => return Err(Stop::Failed(err)),
        Err(Stop::Failed(err)) => tasks[0].fail(err.body()),
        Err(Stop::Engine(err)) => tasks[0].fail(err.prefixed(&format!("Index `{uid}`: ")).body()),
    }
    Ok(())
}

fn count(index: &Index) -> Result<u64, Stop> {
    let txn = index.read_txn()?;
    Ok(index.number_of_documents(&txn)?)
}

fn pool(config: &IndexerConfig) -> Result<&ThreadPoolNoAbort, Stop> {
    config.thread_pool.as_ref().ok_or_else(|| Stop::Failed(ApiError::internal("no thread pool for indexing")))
}

/// One document task's part in a batch, as the engine takes it.
enum Part {
    Payload(Method, Mmap),
    Empty,
    Deletion(Vec<String>),
}

fn write_documents(worker: &Worker, index: &Index, tasks: &mut [Task], progress: &Progress) -> Result<(), Stop> {
    let must_stop = || worker.book.abort.load(Ordering::Relaxed);
    let rtxn = index.read_txn()?;
    let mut parts = Vec::with_capacity(tasks.len());
    let mut primary_key = None;
    for task in tasks.iter() {
        parts.push(match &task.work {
            Work::AddDocuments { file, method, primary_key: key, skip_creation, .. } => {
                primary_key = key.clone();
                let mapped = match worker.payloads.open_mapped(*file)? {
                    Some(mapped) if *skip_creation => only_existing(worker, index, key.as_deref(), &mapped)?,
                    mapped => mapped,
                };
                mapped.map_or(Part::Empty, |mapped| Part::Payload(*method, mapped))
            }
            Work::DeleteDocuments { ids } => Part::Deletion(ids.clone()),
            _ => Part::Empty,
        });
    }
    let deletions: Vec<Vec<&str>> = parts
        .iter()
        .map(|part| match part {
            Part::Deletion(ids) => ids.iter().map(String::as_str).collect(),
            _ => Vec::new(),
        })
        .collect();
    let mut operation = DocumentOperation::new();
    let mut positions = Vec::new();
    for (position, part) in parts.iter().enumerate() {
        match part {
            Part::Payload(Method::Replace, payload) => operation.replace_documents(payload)?,
            Part::Payload(Method::Merge, payload) => operation.update_documents(payload)?,
            Part::Deletion(_) => operation.delete_documents(&deletions[position]),
            Part::Empty => {
                tasks[position].count("indexedDocuments", 0);
                continue;
            }
        }
        positions.push(position);
    }

    let known_fields = index.fields_ids_map(&rtxn)?;
    let mut fields = known_fields.clone();
    let arena = Bump::new();
    let (changes, stats, key) = operation.into_changes(
        &arena,
        index,
        &rtxn,
        primary_key.as_deref(),
        &mut fields,
        &must_stop,
        progress.clone(),
    )?;
    let mut any = false;
    for (position, stat) in positions.iter().zip(stats) {
        let task = &mut tasks[*position];
        match stat.error {
            Some(err) => task.fail(ApiError::from(Error::UserError(err)).body()),
            None => {
                any = true;
                let counter = if matches!(task.work, Work::DeleteDocuments { .. }) {
                    "deletedDocuments"
                } else {
                    "indexedDocuments"
                };
                task.count(counter, stat.document_count);
            }
        }
    }
    if any {
        let config = &worker.config;
        let embedders = worker.embedders.of(index, &rtxn)?;
        let mut wtxn = index.write_txn()?;
        indexer::index(
            &mut wtxn,
            index,
            pool(config)?,
            config.grenad_parameters(),
            &known_fields,
            fields,
            key,
            &changes,
            embedders,
            &must_stop,
            progress,
        )?;
        wtxn.commit()?;
    } else if let Some(key) = primary_key.filter(|_| positions.is_empty()) {
        // An empty payload that names a primary key still sets it.
        let known = index.primary_key(&rtxn)?.map(str::to_owned);
        match known {
            None => set_up(worker, index, |settings| {
                settings.set_primary_key(key);
                Ok(())
            })?,
            Some(known) if known != key => {
                return Err(Error::UserError(milli_core::UserError::PrimaryKeyCannotBeChanged(known)).into());
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// The payload without documents that are not there yet. Documents whose id cannot be read stay in,
/// for the engine to say what is wrong with them.
fn only_existing(worker: &Worker, index: &Index, key: Option<&str>, payload: &Mmap) -> Result<Option<Mmap>, Stop> {
    use std::io::Write as _;
    let rtxn = index.read_txn()?;
    let known = index.primary_key(&rtxn)?.or(key).map(str::to_owned);
    let mut file = worker.payloads.scratch()?;
    {
        let mut out = std::io::BufWriter::new(file.as_file_mut());
        let documents = serde_json::Deserializer::from_slice(payload).into_iter::<&serde_json::value::RawValue>();
        for document in documents {
            let raw = document.map_err(ApiError::from)?.get();
            let id = match &known {
                Some(key) => document_id(raw, key).map_err(ApiError::from)?,
                None => None,
            };
            let exists = match id {
                Some(id) => index.external_documents_ids().get(&rtxn, id)?.is_some(),
                None => known.is_some(),
            };
            if exists {
                out.write_all(raw.as_bytes()).and_then(|()| out.write_all(b"\n")).map_err(ApiError::from)?;
            }
        }
        out.flush().map_err(ApiError::from)?;
    }
    Ok(payloads::map(file.as_file())?)
}

/// The id of a document as text, when it is where `key` says.
fn document_id(raw: &str, key: &str) -> serde_json::Result<Option<String>> {
    let document: Value = serde_json::from_str(raw)?;
    let found = document.get(key).or_else(|| key.split('.').try_fold(&document, |value, part| value.get(part)));
    Ok(match found {
        Some(Value::String(id)) => Some(id.clone()),
        Some(Value::Number(id)) if !id.is_f64() => Some(id.to_string()),
        _ => None,
    })
}

/// Deletions by ids and by filters, without any addition between them.
fn delete_documents(worker: &Worker, index: &Index, tasks: &mut [Task], progress: &Progress) -> Result<(), Stop> {
    let must_stop = || worker.book.abort.load(Ordering::Relaxed);
    let rtxn = index.read_txn()?;
    let mut doomed = RoaringBitmap::new();
    for task in tasks.iter_mut() {
        let before = doomed.len();
        match &task.work {
            Work::DeleteDocuments { ids } => {
                let known = index.external_documents_ids();
                for id in ids {
                    doomed.extend(known.get(&rtxn, id)?);
                }
            }
            Work::DeleteByFilter { filter } => match filtered(index, &rtxn, filter) {
                Ok(found) => doomed |= found,
                Err(err @ Error::UserError(_)) => {
                    let uid = task.index_uid.as_deref().unwrap_or_default();
                    let err = ApiError { code: code::invalid_document_filter, ..ApiError::from(err) };
                    task.fail(err.prefixed(&format!("Index `{uid}`: ")).body());
                    continue;
                }
                Err(err) => return Err(err.into()),
            },
            _ => {}
        }
        task.count("deletedDocuments", doomed.len() - before);
    }
    let known_fields = index.fields_ids_map(&rtxn)?;
    let primary_key = index.primary_key(&rtxn)?.and_then(|name| PrimaryKey::new(name, &known_fields));
    let Some(primary_key) = primary_key.filter(|_| !doomed.is_empty()) else { return Ok(()) };
    let arena = Bump::new();
    let mut deletion = DocumentDeletion::new();
    deletion.delete_documents_by_docids(doomed);
    let changes = deletion.into_changes(&arena, primary_key);
    let embedders = worker.embedders.of(index, &rtxn)?;
    let mut wtxn = index.write_txn()?;
    indexer::index(
        &mut wtxn,
        index,
        pool(&worker.config)?,
        worker.config.grenad_parameters(),
        &known_fields,
        known_fields.clone(),
        None,
        &changes,
        embedders,
        &must_stop,
        progress,
    )?;
    wtxn.commit()?;
    Ok(())
}

fn filtered(index: &Index, rtxn: &RoTxn<'_, WithoutTls>, filter: &Value) -> Result<RoaringBitmap, Error> {
    match Filter::from_json(filter)? {
        Some(filter) => filter.evaluate(rtxn, index),
        None => Ok(RoaringBitmap::new()),
    }
}

fn clear(index: &Index) -> Result<u64, Stop> {
    let mut wtxn = index.write_txn()?;
    let count = ClearDocuments::new(&mut wtxn, index).execute()?;
    wtxn.commit()?;
    Ok(count)
}

fn set_up(
    worker: &Worker,
    index: &Index,
    change: impl FnOnce(&mut Settings<'_, '_, '_>) -> Result<()>,
) -> Result<(), Stop> {
    let must_stop = || worker.book.abort.load(Ordering::Relaxed);
    let mut wtxn = index.write_txn()?;
    let mut settings = Settings::new(&mut wtxn, index, &worker.config);
    change(&mut settings)?;
    settings.execute(|_| (), must_stop)?;
    wtxn.commit()?;
    Ok(())
}

/// Sets the primary key and the name; returns the name.
fn update(
    worker: &Worker,
    index: &Index,
    uid: &str,
    primary_key: Option<String>,
    new_uid: Option<String>,
    names: &mut BTreeMap<String, Opened>,
) -> Result<String, Stop> {
    let new_uid = new_uid.unwrap_or_else(|| uid.to_owned());
    if new_uid != uid && names.contains_key(&new_uid) {
        return Err(ApiError::new(code::index_already_exists, format!("Index `{new_uid}` already exists.")).into());
    }
    if let Some(key) = primary_key {
        set_up(worker, index, |settings| {
            settings.set_primary_key(key);
            Ok(())
        })?;
    }
    if let Some(opened) = names.remove(uid) {
        names.insert(new_uid.clone(), opened);
    }
    Ok(new_uid)
}
