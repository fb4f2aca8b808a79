//! The payloads of document tasks, one NDJSON file each, kept until their task is finished.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::PathBuf;

use memmap2::Mmap;
use tempfile::NamedTempFile;
use uuid::Uuid;

use crate::error::Result;

pub struct Payloads {
    folder: PathBuf,
    scratch: PathBuf,
}

impl Payloads {
    pub fn open(root: &std::path::Path) -> Result<Self> {
        let payloads = Payloads { folder: root.join("payloads"), scratch: root.join("scratch") };
        // What an earlier process was still receiving when it ended belongs to no task.
        if payloads.scratch.exists() {
            fs::remove_dir_all(&payloads.scratch)?;
        }
        fs::create_dir_all(&payloads.folder)?;
        fs::create_dir_all(&payloads.scratch)?;
        Ok(payloads)
    }

    /// A file to write into, gone when dropped.
    pub fn scratch(&self) -> Result<NamedTempFile> {
        Ok(NamedTempFile::new_in(&self.scratch)?)
    }

    /// Keeps a written file under a new name, on the disk itself: the task that needs it is promised next.
    pub fn keep(&self, file: NamedTempFile) -> Result<Uuid> {
        let id = Uuid::new_v4();
        file.as_file().sync_data()?;
        file.persist(self.path(id)).map_err(|err| err.error)?;
        Ok(id)
    }

    pub fn open_mapped(&self, id: Uuid) -> Result<Option<Mmap>> {
        map(&File::open(self.path(id))?)
    }

    /// Bytes of a payload; none for one that is gone.
    pub fn size(&self, id: Uuid) -> u64 {
        fs::metadata(self.path(id)).map_or(0, |meta| meta.len())
    }

    pub fn remove(&self, id: Uuid) {
        // A file that is gone already is what we want.
        let _ = fs::remove_file(self.path(id));
    }

    /// Removes the files that no task needs.
    pub fn retain(&self, needed: &HashSet<Uuid>) -> Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let id = entry.file_name().to_str().and_then(|name| Uuid::parse_str(name).ok());
            if id.is_none_or(|id| !needed.contains(&id)) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    fn path(&self, id: Uuid) -> PathBuf {
        self.folder.join(id.to_string())
    }
}

/// Maps a file into memory; nothing for an empty one, which cannot be mapped.
pub fn map(file: &File) -> Result<Option<Mmap>> {
    if file.metadata()?.len() == 0 {
        return Ok(None);
    }
    // SAFETY: the file is ours alone and is not changed once it is written.
    Ok(Some(unsafe { Mmap::map(file)? }))
}
