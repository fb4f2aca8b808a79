//! The book of tasks: what is asked of them is answered from memory, what must survive is in the register.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde_json::{json, Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use super::batch::Batch;
use super::filter::Filter;
use super::task::{Status, Task, TaskId, Work};
use crate::error::{code, ApiError, Result};
use crate::store::register::Register;

/// The facts about a task that lists are filtered by.
#[derive(Debug, Clone)]
pub struct Row {
    pub status: Status,
    pub kind: &'static str,
    pub index: Option<String>,
    /// The indexes of a swap.
    pub swapped: Vec<String>,
    pub batch: Option<u32>,
    pub canceled_by: Option<TaskId>,
    pub enqueued: OffsetDateTime,
    pub started: Option<OffsetDateTime>,
    pub finished: Option<OffsetDateTime>,
}

impl Task {
    /// The task at an earlier moment, before its end.
    fn as_of(self, row: Row) -> Self {
        Task {
            batch_uid: row.batch,
            details: self.work.first_details(row.index.as_deref()),
            index_uid: row.index,
            status: row.status,
            canceled_by: None,
            error: None,
            started_at: row.started,
            finished_at: None,
            ..self
        }
    }
}

impl Row {
    fn of(task: &Task) -> Self {
        Row {
            status: task.status,
            kind: task.work.kind(),
            index: task.index_uid.clone(),
            swapped: match &task.work {
                Work::SwapIndexes { swaps } => swaps.iter().flat_map(|swap| swap.indexes.iter().cloned()).collect(),
                _ => Vec::new(),
            },
            batch: task.batch_uid,
            canceled_by: task.canceled_by,
            enqueued: task.enqueued_at,
            started: task.started_at,
            finished: task.finished_at,
        }
    }
}

#[derive(Default)]
pub struct State {
    pub rows: BTreeMap<TaskId, Row>,
    /// Those of `rows` that are enqueued.
    pub waiting: BTreeSet<TaskId>,
    /// Task uids of every batch, finished or running.
    pub batches: BTreeMap<u32, Vec<TaskId>>,
    pub running: Option<Batch>,
}

impl State {
    fn put(&mut self, uid: TaskId, row: Row) {
        if row.status == Status::Enqueued {
            self.waiting.insert(uid);
        } else {
            self.waiting.remove(&uid);
        }
        self.rows.insert(uid, row);
    }
}

pub struct Book {
    pub register: Register,
    state: RwLock<State>,
    /// The uid of the next task; held while a task is written, so that uids reach the register in order.
    next_task: Mutex<TaskId>,
    next_batch: Mutex<u32>,
    /// Something changed that the worker may wait for.
    changed: Mutex<bool>,
    wake: Condvar,
    stopping: AtomicBool,
    /// The running batch is to give up.
    pub abort: AtomicBool,
}

/// What a batch leaves behind.
#[derive(Default)]
pub struct Ending {
    pub tasks: Vec<Task>,
    /// Tasks outside the batch that it changed.
    pub others: Vec<Task>,
    pub deleted: Vec<TaskId>,
    /// The index names from now on, when they changed.
    pub names: Option<BTreeMap<String, Uuid>>,
    /// Ranking rules that clients named, by the folder of the index.
    pub rules: Vec<(Uuid, Vec<String>)>,
    /// Folders of indexes that are no more.
    pub discarded: Vec<Uuid>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Book {
    pub fn open(register: Register) -> Result<Self> {
        let mut state = State::default();
        let txn = register.read()?;
        for entry in register.tasks.iter(&txn)? {
            let (uid, task) = entry?;
            state.put(uid, Row::of(&task));
        }
        for entry in register.batches.iter(&txn)? {
            let (uid, batch) = entry?;
            state.batches.insert(uid, batch.tasks);
        }
        let next = |name: &str, last: Option<u32>| -> Result<u32> {
            let kept = register.fact(&txn, name)?.and_then(|value| value.as_u64()).unwrap_or(0) as u32;
            Ok(kept.max(last.map_or(0, |last| last + 1)))
        };
        let next_task = next("next_task", state.rows.keys().next_back().copied())?;
        let next_batch = next("next_batch", state.batches.keys().next_back().copied())?;
        drop(txn);
        Ok(Book {
            register,
            state: RwLock::new(state),
            next_task: Mutex::new(next_task),
            next_batch: Mutex::new(next_batch),
            changed: Mutex::new(true),
            wake: Condvar::new(),
            stopping: AtomicBool::new(false),
            abort: AtomicBool::new(false),
        })
    }

    pub fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a new task down; once this returns, it will be worked off.
    pub fn enqueue(&self, work: Work, index: Option<&str>, metadata: Option<String>) -> Result<Task> {
        let mut next = locked(&self.next_task);
        let task = Task {
            uid: *next,
            batch_uid: None,
            index_uid: index.map(str::to_owned),
            status: Status::Enqueued,
            canceled_by: None,
            details: work.first_details(index),
            work,
            error: None,
            enqueued_at: OffsetDateTime::now_utc(),
            started_at: None,
            finished_at: None,
            custom_metadata: metadata,
        };
        let mut txn = self.register.write()?;
        self.register.tasks.put(&mut txn, &task.uid, &task)?;
        self.register.put_fact(&mut txn, "next_task", &json!(task.uid + 1))?;
        txn.commit()?;
        *next += 1;
        self.state_mut().put(task.uid, Row::of(&task));
        drop(next);
        if let Work::CancelTasks { tasks, .. } = &task.work {
            let state = self.state();
            if state.running.as_ref().is_some_and(|batch| batch.tasks.iter().any(|uid| tasks.contains(uid))) {
                self.abort.store(true, Ordering::SeqCst);
            }
        }
        self.notify();
        Ok(task)
    }

    fn notify(&self) {
        *locked(&self.changed) = true;
        self.wake.notify_all();
    }

    /// Waits until there may be work. False once the book is to close.
    pub fn wait(&self) -> bool {
        let mut changed = locked(&self.changed);
        while !*changed && !self.stopping.load(Ordering::SeqCst) {
            changed = self.wake.wait(changed).unwrap_or_else(PoisonError::into_inner);
        }
        *changed = false;
        !self.stopping.load(Ordering::SeqCst)
    }

    /// Ends the worker; a running batch gives up and starts anew with the next process.
    pub fn close(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.abort.store(true, Ordering::SeqCst);
        self.notify();
    }

    pub fn closing(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    pub fn load(&self, uid: TaskId) -> Result<Option<Task>> {
        let Some(row) = self.state().rows.get(&uid).cloned() else { return Ok(None) };
        let txn = self.register.read()?;
        let task = self.register.tasks.get(&txn, &uid)?;
        // The register may know of an end that is not told yet: what is told is told all at once, tasks and batch.
        Ok(task.map(|task| if row.status.finished() { task } else { task.as_of(row) }))
    }

    /// The tasks of `filter`, at most `limit` of them from `from` on, and how many there are in all.
    pub fn list(&self, filter: &Filter, visible: impl Fn(&Row) -> bool) -> Result<(Vec<Task>, u64, Option<TaskId>)> {
        let (page, total, next) = {
            let state = self.state();
            let mut matching: Vec<TaskId> = Vec::new();
            let mut total = 0;
            for (uid, row) in &state.rows {
                if filter.matches(*uid, row, &state) {
                    total += 1;
                    if filter.lists(row)
                        && visible(row)
                        && filter.from.is_none_or(|from| if filter.reverse { *uid >= from } else { *uid <= from })
                    {
                        matching.push(*uid);
                    }
                }
            }
            if !filter.reverse {
                matching.reverse();
            }
            let next = matching.get(filter.limit).copied();
            matching.truncate(filter.limit);
            (matching, total, next)
        };
        let mut tasks = Vec::with_capacity(page.len());
        for uid in page {
            tasks.extend(self.load(uid)?);
        }
        Ok((tasks, total, next))
    }

    /// The uids that a cancelation or deletion with `filter` is about.
    pub fn matching(&self, filter: &Filter, visible: impl Fn(&Row) -> bool) -> Vec<TaskId> {
        let state = self.state();
        let fits =
            |(uid, row): &(&TaskId, &Row)| filter.matches(**uid, row, &state) && filter.lists(row) && visible(row);
        state.rows.iter().filter(fits).map(|(uid, _)| *uid).collect()
    }

    pub fn batch(&self, uid: u32) -> Result<Option<Batch>> {
        if let Some(running) = self.state().running.as_ref().filter(|batch| batch.uid == uid) {
            return Ok(Some(running.clone()));
        }
        let txn = self.register.read()?;
        Ok(self.register.batches.get(&txn, &uid)?)
    }

    /// The batches with at least one task of `filter`.
    pub fn list_batches(
        &self,
        filter: &Filter,
        visible: impl Fn(&Row) -> bool,
    ) -> Result<(Vec<Batch>, u64, Option<u32>)> {
        let (page, total, next) = {
            let state = self.state();
            let fits = |task: &TaskId| {
                state.rows.get(task).is_some_and(|row| filter.matches(*task, row, &state) && visible(row))
            };
            let running = state.running.iter().map(|batch| (batch.uid, &batch.tasks));
            let mut matching: Vec<u32> = state
                .batches
                .iter()
                .map(|(uid, tasks)| (*uid, tasks))
                .chain(running)
                .filter(|(uid, tasks)| match &filter.batches {
                    Some(wanted) if !wanted.contains(uid) => false,
                    _ => filter.is_open() || tasks.iter().any(fits),
                })
                .map(|(uid, _)| uid)
                .collect();
            let total = matching.len() as u64;
            matching
                .retain(|uid| filter.from.is_none_or(|from| if filter.reverse { *uid >= from } else { *uid <= from }));
            if !filter.reverse {
                matching.reverse();
            }
            let next = matching.get(filter.limit).copied();
            matching.truncate(filter.limit);
            (matching, total, next)
        };
        let mut batches = Vec::with_capacity(page.len());
        for uid in page {
            batches.extend(self.batch(uid)?);
        }
        Ok((batches, total, next))
    }

    /// Opens a batch over `tasks`: from now on they are being processed.
    pub fn start(&self, tasks: &mut [Task], strategy: String) -> Batch {
        let uid = *locked(&self.next_batch);
        let now = OffsetDateTime::now_utc();
        for task in tasks.iter_mut() {
            task.status = Status::Processing;
            task.batch_uid = Some(uid);
            task.started_at = Some(now);
        }
        let batch = Batch::new(uid, tasks, now, strategy);
        self.abort.store(self.closing(), Ordering::SeqCst);
        let mut state = self.state_mut();
        for task in tasks.iter() {
            state.put(task.uid, Row::of(task));
        }
        state.running = Some(batch.clone());
        batch
    }

    /// Gives the running batch up: its tasks wait again.
    pub fn put_back(&self) {
        let mut state = self.state_mut();
        for uid in state.running.take().map(|batch| batch.tasks).unwrap_or_default() {
            if let Some(row) = state.rows.get(&uid).cloned() {
                state.put(uid, Row { status: Status::Enqueued, batch: None, started: None, ..row });
            }
        }
        drop(state);
        self.notify();
    }

    /// Writes the end of a batch in one transaction. `show` makes new index names visible before
    /// anyone can see that the tasks are finished.
    pub fn finish(&self, mut batch: Batch, mut ending: Ending, show: impl FnOnce()) -> Result<()> {
        let now = OffsetDateTime::now_utc();
        for task in ending.tasks.iter_mut().chain(&mut ending.others) {
            task.finished_at = task.status.finished().then_some(task.finished_at.unwrap_or(now));
        }
        batch.finish(&ending.tasks, now);
        let mut txn = self.register.write()?;
        for task in ending.others.iter().chain(&ending.tasks) {
            self.register.tasks.put(&mut txn, &task.uid, task)?;
        }
        let orphaned = self.orphaned_batches(&ending.deleted);
        for uid in &ending.deleted {
            self.register.tasks.delete(&mut txn, uid)?;
        }
        for uid in &orphaned {
            self.register.batches.delete(&mut txn, uid)?;
        }
        self.register.batches.put(&mut txn, &batch.uid, &batch)?;
        self.register.put_fact(&mut txn, "next_batch", &json!(batch.uid + 1))?;
        if let Some(names) = &ending.names {
            self.register.indexes.clear(&mut txn)?;
            for (name, folder) in names {
                self.register.indexes.put(&mut txn, name, folder)?;
            }
        }
        for (folder, rules) in &ending.rules {
            self.register.rules.put(&mut txn, &folder.to_string(), rules)?;
        }
        for folder in &ending.discarded {
            self.register.rules.delete(&mut txn, &folder.to_string())?;
        }
        txn.commit()?;
        show();
        *locked(&self.next_batch) = batch.uid + 1;
        let mut state = self.state_mut();
        state.running = None;
        for task in ending.others.iter().chain(&ending.tasks) {
            state.put(task.uid, Row::of(task));
        }
        for uid in &ending.deleted {
            state.rows.remove(uid);
            state.waiting.remove(uid);
        }
        for uid in &orphaned {
            state.batches.remove(uid);
        }
        state.batches.insert(batch.uid, batch.tasks);
        drop(state);
        self.notify();
        Ok(())
    }

    /// The batches left without any task once `deleted` are gone.
    fn orphaned_batches(&self, deleted: &[TaskId]) -> Vec<u32> {
        if deleted.is_empty() {
            return Vec::new();
        }
        let deleted: HashSet<&TaskId> = deleted.iter().collect();
        let state = self.state();
        let gone = |uid: &TaskId| deleted.contains(uid) || !state.rows.contains_key(uid);
        state.batches.iter().filter(|(_, tasks)| tasks.iter().all(gone)).map(|(uid, _)| *uid).collect()
    }

    /// The payload files that unfinished tasks need.
    pub fn needed_payloads(&self) -> Result<HashSet<Uuid>> {
        let txn = self.register.read()?;
        let mut needed = HashSet::new();
        for entry in self.register.tasks.iter(&txn)? {
            let (_, task) = entry?;
            if let Work::AddDocuments { file, .. } = task.work {
                if !task.status.finished() {
                    needed.insert(file);
                }
            }
        }
        Ok(needed)
    }

    /// Whether a batch about this index is running.
    pub fn is_indexing(&self, index: &str) -> bool {
        let state = self.state();
        state.running.as_ref().is_some_and(|batch| {
            let names = batch.stats.get("indexUids").and_then(Value::as_object);
            names.is_some_and(|names: &Map<String, Value>| names.contains_key(index))
        })
    }
}

/// "Task `7` not found."
pub fn task_not_found(uid: impl std::fmt::Display) -> ApiError {
    ApiError::new(code::task_not_found, format!("Task `{uid}` not found."))
}
