//! The worker: takes the next batch off the book, works it off, writes its end.

use std::collections::{BTreeMap, HashSet};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
use std::time::Duration;

use milli_core::progress::Progress;
use milli_core::update::IndexerConfig;

use super::book::{Book, Ending};
use super::operate::{self, Stop};
use super::swap;
use super::task::{Status, Task, TaskId, Work};
use crate::embedders::Embedders;
use crate::error::{ApiError, Result};
use crate::settings::rules::default_rules;
use crate::store::indexes::{Indexes, Opened};
use crate::store::payloads::Payloads;

/// Most tasks in one batch, and most bytes of payload.
const MAX_TASKS: usize = 2_000;
const MAX_BYTES: u64 = 512 << 20;

/// Tasks kept at most; beyond, the oldest finished ones go.
const MAX_KEPT: usize = 1_000_000;
const DROPPED_AT_ONCE: usize = 100_000;

pub struct Worker {
    pub book: Arc<Book>,
    pub indexes: Arc<Indexes>,
    pub payloads: Arc<Payloads>,
    pub embedders: Arc<Embedders>,
    pub config: IndexerConfig,
    /// Up to this task, tasks are not batched: a batch with them failed.
    pub alone_until: AtomicU32,
}

/// Runs a batch; a panic of the engine is a failure like any other.
fn guarded<T>(work: impl FnOnce() -> Result<T, Stop>) -> Result<T, Stop> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        let message =
            format!("An unexpected crash occurred when processing the task: {}", said.unwrap_or("no reason given"));
        Err(Stop::Failed(ApiError::internal(message)))
    })
}

impl Worker {
    /// Works until the book closes.
    pub fn run(self) {
        while self.book.wait() {
            while !self.book.closing() {
                match self.step() {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(err) => {
                        // The register could not be written. The tasks are as they were: try again.
                        eprintln!("batch not written: {err}");
                        self.book.put_back();
                        std::thread::sleep(Duration::from_secs(1));
                    }
                }
            }
        }
    }

    /// One batch. False when there is none.
    fn step(&self) -> Result<bool> {
        let Some((uids, strategy)) = self.next_batch()? else { return Ok(false) };
        let mut tasks = Vec::with_capacity(uids.len());
        for uid in uids {
            tasks.extend(self.book.load(uid)?);
        }
        let batch = self.book.start(&mut tasks, strategy);
        let progress = batch.at_stage("processing tasks", 0);
        let mut names = self.indexes.all();
        let before = folders(&names);
        let outcome = guarded(|| self.work(tasks.clone(), &mut names, &progress));
        let mut ending = match outcome {
            Ok(ending) => ending,
            Err(Stop::Failed(err) | Stop::Engine(err)) if tasks.len() == 1 => {
                self.forget_new(std::mem::replace(&mut names, self.indexes.all()), &before);
                failed(tasks, &err)
            }
            Err(stop) => {
                if let (Stop::Failed(_) | Stop::Engine(_), Some(last)) = (stop, tasks.last()) {
                    // One of them is to blame: each is tried on its own.
                    self.alone_until.store(last.uid, Ordering::Relaxed);
                }
                self.forget_new(names, &before);
                self.book.put_back();
                return Ok(true);
            }
        };
        batch.at_stage("writing tasks to disk", 1);
        let after = folders(&names);
        if after != before {
            let kept: HashSet<_> = after.values().collect();
            ending.discarded = before.values().filter(|folder| !kept.contains(folder)).copied().collect();
            ending.names = Some(after);
        }
        let rules = ending.rules.clone();
        let finished: Vec<_> = ending.tasks.iter().chain(&ending.others).filter_map(payload).collect();
        let renamed = ending.names.is_some();
        self.book.finish(batch, ending, || {
            for (folder, rules) in rules {
                if let Some(opened) = names.values().find(|opened| opened.folder == folder) {
                    opened.show_rules(rules);
                }
            }
            if renamed {
                self.indexes.replace(names);
            }
        })?;
        for file in finished {
            self.payloads.remove(file);
        }
        Ok(true)
    }

    /// Discards indexes that a failed or aborted batch made.
    fn forget_new(&self, names: BTreeMap<String, Opened>, before: &BTreeMap<String, uuid::Uuid>) {
        for opened in names.into_values().filter(|opened| !before.values().any(|known| *known == opened.folder)) {
            self.indexes.discard(opened);
        }
    }

    fn work(
        &self,
        mut tasks: Vec<Task>,
        names: &mut BTreeMap<String, Opened>,
        progress: &Progress,
    ) -> Result<Ending, Stop> {
        let mut ending = Ending::default();
        match tasks.first().map(|task| task.work.clone()) {
            Some(Work::CancelTasks { tasks: wanted, .. }) => {
                for mut other in self.load_all(&wanted)? {
                    if !other.status.finished() {
                        other.cancel(tasks[0].uid);
                        ending.others.push(other);
                    }
                }
                tasks[0].count("canceledTasks", ending.others.len() as u64);
                tasks[0].succeed();
            }
            Some(Work::DeleteTasks { tasks: wanted, .. }) => {
                let finished = self.load_all(&wanted)?.into_iter().filter(|other| other.status.finished());
                ending.deleted = finished.map(|other| other.uid).collect();
                tasks[0].count("deletedTasks", ending.deleted.len() as u64);
                tasks[0].succeed();
            }
            Some(Work::SwapIndexes { swaps }) => match swap::apply(&swaps, names) {
                Ok(()) => {
                    ending.others = self.retitled(tasks[0].uid, &swap::renames(&swaps))?;
                    tasks[0].succeed();
                }
                Err(err) => tasks[0].fail(err.body()),
            },
            Some(Work::UpdateIndex { new_uid, .. }) => {
                let old_uid = tasks[0].index_uid.clone();
                operate::run(self, &mut tasks, names, progress)?;
                if let (Some(old), Some(new), Status::Succeeded) = (old_uid, new_uid, tasks[0].status) {
                    ending.others = self.retitled(tasks[0].uid, &[(old, new)])?;
                }
            }
            _ => {
                operate::run(self, &mut tasks, names, progress)?;
                ending.rules = named_rules(&tasks, names);
            }
        }
        ending.tasks = tasks;
        Ok(ending)
    }

    fn load_all(&self, uids: &[TaskId]) -> Result<Vec<Task>> {
        uids.iter().filter_map(|uid| self.book.load(*uid).transpose()).collect()
    }

    /// Older tasks of renamed indexes, under the new names.
    fn retitled(&self, before: TaskId, renames: &[(String, String)]) -> Result<Vec<Task>> {
        let uids: Vec<TaskId> = {
            let state = self.book.state();
            let named = |index: &Option<String>| renames.iter().any(|(old, _)| Some(old) == index.as_ref());
            state.rows.range(..before).filter(|(_, row)| named(&row.index)).map(|(uid, _)| *uid).collect()
        };
        let mut tasks = self.load_all(&uids)?;
        for task in &mut tasks {
            let new = renames.iter().find(|(old, _)| Some(old) == task.index_uid.as_ref()).map(|(_, new)| new.clone());
            task.index_uid = new;
        }
        Ok(tasks)
    }

    /// The tasks that run next, and why no more of them.
    fn next_batch(&self) -> Result<Option<(Vec<TaskId>, String)>> {
        let waiting: Vec<(TaskId, &'static str, Option<String>)> = {
            let state = self.book.state();
            let rows = state.waiting.iter().filter_map(|uid| state.rows.get_key_value(uid));
            rows.map(|(uid, row)| (*uid, row.kind, row.index.clone())).collect()
        };
        if let Some(overflow) = self.overflow().filter(|_| !waiting.iter().any(|(_, kind, _)| *kind == "taskDeletion"))
        {
            self.book.enqueue(
                Work::DeleteTasks { tasks: overflow, query: "?statuses=succeeded,failed,canceled".into() },
                None,
                None,
            )?;
        }
        let newest = |kind: &str| waiting.iter().rev().find(|(_, k, _)| *k == kind).map(|(uid, ..)| *uid);
        let oldest = |kind: &str| waiting.iter().find(|(_, k, _)| *k == kind).map(|(uid, ..)| *uid);
        if let Some(uid) = newest("taskCancelation") {
            return Ok(Some((vec![uid], alone(uid, "taskCancelation"))));
        }
        if let Some(uid) = oldest("taskDeletion") {
            return Ok(Some((vec![uid], alone(uid, "taskDeletion"))));
        }
        let Some((first, kind, index)) = waiting.first() else { return Ok(None) };
        let Some(index) = index else { return Ok(Some((vec![*first], alone(*first, kind)))) };
        let same_index = waiting.iter().filter(|(.., i)| i.as_ref() == Some(index)).map(|(uid, ..)| *uid);
        self.documents_together(index, same_index).map(Some)
    }

    /// Consecutive additions and deletions by id of one index go together, and so do deletions of any kind; anything
    /// else goes alone.
    fn documents_together(&self, index: &str, uids: impl Iterator<Item = TaskId>) -> Result<(Vec<TaskId>, String)> {
        let mut together: Vec<TaskId> = Vec::new();
        let mut bytes = 0;
        let mut key: Option<Option<String>> = None;
        let (mut adds, mut filters) = (false, false);
        for uid in uids.take(MAX_TASKS) {
            let Some(task) = self.book.load(uid)? else { continue };
            let reason = match &task.work {
                Work::DeleteDocuments { .. } => None,
                // What a filter matches depends on the additions before it.
                Work::DeleteByFilter { .. } if !adds => {
                    filters = true;
                    None
                }
                Work::AddDocuments { skip_creation: true, .. } if together.is_empty() => {
                    return Ok((vec![uid], alone(uid, task.work.kind())));
                }
                Work::AddDocuments { file, primary_key, skip_creation: false, .. } => {
                    bytes += self.payloads.size(*file);
                    let fits = !filters && key.as_ref().is_none_or(|known| known == primary_key);
                    adds = true;
                    key.get_or_insert_with(|| primary_key.clone());
                    (!fits || (bytes > MAX_BYTES && !together.is_empty()))
                        .then(|| format!("stopped batching before task with id {uid}"))
                }
                Work::DeleteIndex if together.is_empty() => {
                    return Ok((vec![uid], format!("stopped after task with id {uid} because it deletes the index")));
                }
                work if together.is_empty() => return Ok((vec![uid], alone(uid, work.kind()))),
                work => Some(format!(
                    "stopped before task with id {uid} because a `{}` cannot be batched with document operations",
                    work.kind()
                )),
            };
            match reason {
                Some(reason) => return Ok((together, reason)),
                None => together.push(uid),
            }
            if uid <= self.alone_until.load(Ordering::Relaxed) {
                return Ok((together, format!("stopped after task with id {uid}, of a batch that failed")));
            }
        }
        Ok((together, format!("batched all enqueued tasks for index `{index}`")))
    }

    /// The oldest finished tasks, once too many are kept.
    fn overflow(&self) -> Option<Vec<TaskId>> {
        let state = self.book.state();
        if state.rows.len() < MAX_KEPT {
            return None;
        }
        let finished = state.rows.iter().filter(|(_, row)| row.status.finished()).map(|(uid, _)| *uid);
        Some(finished.take(DROPPED_AT_ONCE).collect()).filter(|uids: &Vec<TaskId>| !uids.is_empty())
    }
}

fn alone(uid: TaskId, kind: &str) -> String {
    format!(
        "created batch containing only task with id {uid} of type `{kind}` that cannot be batched with any other task."
    )
}

/// The ranking rules that the tasks gave their index.
fn named_rules(tasks: &[Task], names: &BTreeMap<String, Opened>) -> Vec<(uuid::Uuid, Vec<String>)> {
    let of = |task: &Task| {
        let Work::Settings { change, .. } = &task.work else { return None };
        let opened = names.get(task.index_uid.as_ref()?).filter(|_| task.status == Status::Succeeded)?;
        let named = change.get("rankingRules")?.as_array();
        let rules = named.map(|rules| rules.iter().filter_map(|rule| rule.as_str().map(str::to_owned)).collect());
        Some((opened.folder, rules.unwrap_or_else(default_rules)))
    };
    tasks.iter().filter_map(of).collect()
}

fn failed(mut tasks: Vec<Task>, err: &ApiError) -> Ending {
    for task in &mut tasks {
        task.fail(err.body());
    }
    Ending { tasks, ..Ending::default() }
}

fn folders(names: &BTreeMap<String, Opened>) -> BTreeMap<String, uuid::Uuid> {
    names.iter().map(|(name, opened)| (name.clone(), opened.folder)).collect()
}

fn payload(task: &Task) -> Option<uuid::Uuid> {
    match &task.work {
        Work::AddDocuments { file, .. } if task.status.finished() => Some(*file),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_failure() {
        let outcome: Result<(), Stop> = guarded(|| panic!("of the engine"));
        assert!(matches!(outcome, Err(Stop::Failed(err)) if err.message.ends_with("the task: of the engine")));
        assert!(guarded(|| Ok(1)).is_ok_and(|one| one == 1));
    }
}
