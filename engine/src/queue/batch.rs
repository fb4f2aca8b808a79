//! A batch: the tasks that were worked off together.

use milli_core::progress::{Progress, VariableNameStep};
use serde::{Deserialize, Serialize};
use serde_json::{json, Map, Value};
use time::OffsetDateTime;

use super::task::{iso8601, rfc3339, Task, TaskId};

#[derive(Clone, Serialize, Deserialize)]
pub struct Batch {
    pub uid: u32,
    pub tasks: Vec<TaskId>,
    pub details: Map<String, Value>,
    pub stats: Map<String, Value>,
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub finished_at: Option<OffsetDateTime>,
    pub strategy: String,
    /// How far it is; for one that runs.
    #[serde(skip)]
    pub progress: Option<Progress>,
}

impl Batch {
    pub fn new(uid: u32, tasks: &[Task], started_at: OffsetDateTime, strategy: String) -> Self {
        let mut batch = Batch {
            uid,
            tasks: tasks.iter().map(|task| task.uid).collect(),
            details: Map::new(),
            stats: Map::new(),
            started_at,
            finished_at: None,
            strategy,
            progress: Some(Progress::default()),
        };
        batch.sum_up(tasks);
        batch
    }

    /// Closes the batch over its finished tasks.
    pub fn finish(&mut self, tasks: &[Task], at: OffsetDateTime) {
        self.finished_at = Some(at);
        self.sum_up(tasks);
        if let Some(progress) = self.progress.take() {
            self.stats.insert("progressTrace".to_owned(), json!(progress.accumulated_durations()));
        }
    }

    fn sum_up(&mut self, tasks: &[Task]) {
        let mut details: Map<String, Value> = Map::new();
        let (mut status, mut types, mut indexes) = (Map::new(), Map::new(), Map::new());
        for task in tasks {
            for (name, value) in &task.details {
                merge_detail(&mut details, name, value);
            }
            increment(&mut status, task.status.name());
            increment(&mut types, task.work.kind());
            if let Some(uid) = &task.index_uid {
                increment(&mut indexes, uid);
            }
        }
        self.details = details;
        self.stats = Map::from_iter([
            ("totalNbTasks".to_owned(), json!(tasks.len())),
            ("status".to_owned(), Value::Object(status)),
            ("types".to_owned(), Value::Object(types)),
            ("indexUids".to_owned(), Value::Object(indexes)),
        ]);
    }

    pub fn view(&self) -> Value {
        json!({
            "uid": self.uid,
            "progress": self.progress.as_ref().map(Progress::as_progress_view),
            "details": self.details,
            "stats": self.stats,
            "duration": self.finished_at.and_then(|at| iso8601(at - self.started_at)),
            "startedAt": rfc3339(self.started_at),
            "finishedAt": self.finished_at.map(rfc3339),
            "batchStrategy": self.strategy,
        })
    }
}

/// One of the two steps of every batch.
pub enum Stage {}

impl Batch {
    /// The progress to tell of, now at the given step.
    pub fn at_stage(&self, name: &str, number: u32) -> Progress {
        let progress = self.progress.clone().unwrap_or_default();
        progress.update_progress(VariableNameStep::<Stage>::new(name, number, 2));
        progress
    }
}

/// Counters add up; anything else shows what the last task said.
fn merge_detail(details: &mut Map<String, Value>, name: &str, value: &Value) {
    let sum = match (details.get(name).and_then(Value::as_u64), value.as_u64()) {
        (Some(a), Some(b)) => json!(a + b),
        (Some(a), None) if value.is_null() => json!(a),
        _ => value.clone(),
    };
    details.insert(name.to_owned(), sum);
}

fn increment(counts: &mut Map<String, Value>, name: &str) {
    let count = counts.get(name).and_then(Value::as_u64).unwrap_or(0);
    counts.insert(name.to_owned(), json!(count + 1));
}
