//! A task: one asynchronous change, from its acceptance to its end.

use serde::{Deserialize, Serialize};
use serde_json::{json, Map, Value};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::error::ErrorBody;

pub type TaskId = u32;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    Enqueued,
    Processing,
    Succeeded,
    Failed,
    Canceled,
}

impl Status {
    pub const ALL: [Status; 5] =
        [Status::Enqueued, Status::Processing, Status::Succeeded, Status::Failed, Status::Canceled];

    pub fn name(self) -> &'static str {
        match self {
            Status::Enqueued => "enqueued",
            Status::Processing => "processing",
            Status::Succeeded => "succeeded",
            Status::Failed => "failed",
            Status::Canceled => "canceled",
        }
    }

    pub fn finished(self) -> bool {
        matches!(self, Status::Succeeded | Status::Failed | Status::Canceled)
    }
}

/// How documents of a payload meet those already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    Replace,
    Merge,
}

/// Two indexes that change places, or one that takes a new name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Swap {
    pub indexes: [String; 2],
    pub rename: bool,
}

/// What a task is to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Work {
    AddDocuments {
        /// The payload as NDJSON, a file of the queue.
        file: Uuid,
        method: Method,
        primary_key: Option<String>,
        received: u64,
        create_index: bool,
        skip_creation: bool,
    },
    DeleteDocuments {
        ids: Vec<String>,
    },
    DeleteByFilter {
        filter: Value,
    },
    ClearDocuments,
    Settings {
        change: Map<String, Value>,
        create_index: bool,
        reset: bool,
    },
    CreateIndex {
        primary_key: Option<String>,
    },
    UpdateIndex {
        primary_key: Option<String>,
        new_uid: Option<String>,
    },
    DeleteIndex,
    SwapIndexes {
        swaps: Vec<Swap>,
    },
    CancelTasks {
        tasks: Vec<TaskId>,
        query: String,
    },
    DeleteTasks {
        tasks: Vec<TaskId>,
        query: String,
    },
}

/// The kinds a client can name, in the order the API lists them.
pub const KINDS: [&str; 18] = [
    "documentAdditionOrUpdate", "documentEdition", "documentDeletion", "settingsUpdate", "indexCreation",
    "indexDeletion", "indexUpdate", "indexSwap", "taskCancelation", "taskDeletion", "dumpCreation", "snapshotCreation",
    "export", "upgradeDatabase", "indexCompaction", "networkTopologyChange", "dsrUpdate", "dsrClear",
];

impl Work {
    pub fn kind(&self) -> &'static str {
        match self {
            Work::AddDocuments { .. } => "documentAdditionOrUpdate",
            Work::DeleteDocuments { .. } | Work::DeleteByFilter { .. } | Work::ClearDocuments => "documentDeletion",
            Work::Settings { .. } => "settingsUpdate",
            Work::CreateIndex { .. } => "indexCreation",
            Work::UpdateIndex { .. } => "indexUpdate",
            Work::DeleteIndex => "indexDeletion",
            Work::SwapIndexes { .. } => "indexSwap",
            Work::CancelTasks { .. } => "taskCancelation",
            Work::DeleteTasks { .. } => "taskDeletion",
        }
    }

    /// What clients are told about the task before it ran.
    pub fn first_details(&self, index_uid: Option<&str>) -> Map<String, Value> {
        let details = match self {
            Work::AddDocuments { received, .. } => {
                json!({"receivedDocuments": received, "indexedDocuments": null})
            }
            Work::DeleteDocuments { ids } => {
                json!({"providedIds": ids.len(), "deletedDocuments": null, "originalFilter": null})
            }
            Work::DeleteByFilter { filter } => {
                json!({"providedIds": 0, "deletedDocuments": null, "originalFilter": filter.to_string()})
            }
            Work::ClearDocuments | Work::DeleteIndex => json!({"deletedDocuments": null}),
            Work::Settings { change, .. } => return crate::settings::masked(change),
            Work::CreateIndex { primary_key } => json!({"primaryKey": primary_key}),
            Work::UpdateIndex { primary_key, new_uid } => {
                let mut details = json!({"primaryKey": primary_key});
                if let Some(new_uid) = new_uid {
                    details["oldIndexUid"] = json!(index_uid);
                    details["newIndexUid"] = json!(new_uid);
                }
                details
            }
            Work::SwapIndexes { swaps } => json!({"swaps": swaps}),
            Work::CancelTasks { tasks, query } => {
                json!({"matchedTasks": tasks.len(), "canceledTasks": null, "originalFilter": query})
            }
            Work::DeleteTasks { tasks, query } => {
                json!({"matchedTasks": tasks.len(), "deletedTasks": null, "originalFilter": query})
            }
        };
        match details {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Task {
    pub uid: TaskId,
    pub batch_uid: Option<u32>,
    pub index_uid: Option<String>,
    pub status: Status,
    pub canceled_by: Option<TaskId>,
    pub work: Work,
    pub details: Map<String, Value>,
    pub error: Option<ErrorBody>,
    #[serde(with = "time::serde::rfc3339")]
    pub enqueued_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub started_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub finished_at: Option<OffsetDateTime>,
    pub custom_metadata: Option<String>,
}

/// The counters that a task without effect ends with at zero.
const COUNTERS: [&str; 4] = ["indexedDocuments", "deletedDocuments", "canceledTasks", "deletedTasks"];

impl Task {
    pub fn count(&mut self, counter: &str, value: u64) {
        self.details.insert(counter.to_owned(), json!(value));
    }

    pub fn succeed(&mut self) {
        self.status = Status::Succeeded;
        self.error = None;
    }

    pub fn fail(&mut self, error: ErrorBody) {
        self.status = Status::Failed;
        self.error = Some(error);
        self.zero_counters();
    }

    pub fn cancel(&mut self, by: TaskId) {
        self.status = Status::Canceled;
        self.canceled_by = Some(by);
        self.zero_counters();
    }

    fn zero_counters(&mut self) {
        for counter in COUNTERS {
            if let Some(value) = self.details.get_mut(counter) {
                *value = json!(0);
            }
        }
    }

    /// The short answer to the request that made the task.
    pub fn receipt(&self) -> Value {
        let mut receipt = json!({
            "taskUid": self.uid,
            "indexUid": self.index_uid,
            "status": self.status,
            "type": self.work.kind(),
            "enqueuedAt": rfc3339(self.enqueued_at),
        });
        if let Some(metadata) = &self.custom_metadata {
            receipt["customMetadata"] = json!(metadata);
        }
        receipt
    }

    /// The task as clients see it.
    pub fn view(&self) -> Value {
        let mut view = json!({
            "uid": self.uid,
            "batchUid": self.batch_uid,
            "indexUid": self.index_uid,
            "status": self.status,
            "type": self.work.kind(),
            "canceledBy": self.canceled_by,
            "details": self.details,
            "error": self.error,
            "duration": self.started_at.zip(self.finished_at).map(|(from, to)| iso8601(to - from)),
            "enqueuedAt": rfc3339(self.enqueued_at),
            "startedAt": self.started_at.map(rfc3339),
            "finishedAt": self.finished_at.map(rfc3339),
        });
        if let Some(metadata) = &self.custom_metadata {
            view["customMetadata"] = json!(metadata);
        }
        view
    }
}

pub fn rfc3339(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_default()
}

/// A duration as ISO 8601, with as many digits as it needs out of 0, 3, 6 and 9.
pub fn iso8601(duration: Duration) -> Option<String> {
    if duration.is_negative() {
        return None;
    }
    let (days, seconds) = (duration.whole_days(), duration.whole_seconds() % 86_400);
    let nanos = duration.subsec_nanoseconds();
    let date = if days == 0 { String::new() } else { format!("{days}D") };
    let time = match nanos {
        0 if seconds == 0 && days != 0 => String::new(),
        0 => format!("T{seconds}S"),
        n if n % 1_000_000 == 0 => format!("T{seconds}.{:03}S", n / 1_000_000),
        n if n % 1_000 == 0 => format!("T{seconds}.{:06}S", n / 1_000),
        n => format!("T{seconds}.{n:09}S"),
    };
    Some(format!("P{date}{time}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(iso8601(Duration::ZERO).as_deref(), Some("PT0S"));
        assert_eq!(iso8601(Duration::nanoseconds(4_116_667)).as_deref(), Some("PT0.004116667S"));
        assert_eq!(iso8601(Duration::microseconds(1_500_000)).as_deref(), Some("PT1.500S"));
        assert_eq!(iso8601(Duration::days(2)).as_deref(), Some("P2D"));
        assert_eq!(iso8601(Duration::seconds(-1)), None);
    }
}
