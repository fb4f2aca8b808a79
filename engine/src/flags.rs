//! The command line: the part of a Meilisearch node's flags that this node honours. Unknown flags are refused.

use std::path::PathBuf;

pub struct Flags {
    pub http_addr: String,
    pub db_path: PathBuf,
    pub master_key: Option<String>,
    pub production: bool,
    pub dump_dir: PathBuf,
    pub snapshot_dir: PathBuf,
    pub payload_limit: u64,
    pub indexing_memory: Option<usize>,
    pub indexing_threads: usize,
}

/// What the command line asks for.
pub enum Command {
    Serve(Box<Flags>),
    Version,
    Help,
}

pub const HELP: &str = "miroir-engine: a Meilisearch-compatible node on the engine crate of Meilisearch 1.15

  --http-addr HOST:PORT              listen address (MEILI_HTTP_ADDR, localhost:7700)
  --db-path DIR                      data folder (MEILI_DB_PATH, ./data.ms)
  --master-key KEY                   master key (MEILI_MASTER_KEY); without one every route is open
  --env development|production       (MEILI_ENV, development); production wants a master key of 16 bytes
  --no-analytics                     accepted; nothing is ever sent
  --dump-dir DIR                     accepted (MEILI_DUMP_DIR); dumps are not made
  --snapshot-dir DIR                 accepted (MEILI_SNAPSHOT_DIR); snapshots are not made
  --http-payload-size-limit SIZE     largest request body (MEILI_HTTP_PAYLOAD_SIZE_LIMIT, 100 MB)
  --max-indexing-memory SIZE         memory for indexing (MEILI_MAX_INDEXING_MEMORY)
  --max-indexing-threads N           threads for indexing (MEILI_MAX_INDEXING_THREADS, half the cores)
  --log-level LEVEL                  accepted (MEILI_LOG_LEVEL); only failures are written
";

impl Flags {
    /// Reads the environment first, then the arguments over it.
    pub fn parse(args: impl Iterator<Item = String>, env: impl Fn(&str) -> Option<String>) -> Result<Command, String> {
        let mut flags = Flags {
            http_addr: "localhost:7700".into(),
            db_path: "./data.ms".into(),
            master_key: None,
            production: false,
            dump_dir: "dumps/".into(),
            snapshot_dir: "snapshots/".into(),
            payload_limit: 100_000_000,
            indexing_memory: None,
            indexing_threads: std::thread::available_parallelism().map_or(1, |n| n.get() / 2).max(1),
        };
        for name in NAMES {
            let variable = format!("MEILI_{}", name.replace('-', "_").to_uppercase());
            if let Some(value) = env(&variable).filter(|v| !v.is_empty()) {
                flags.set(name, &value).map_err(|err| format!("{variable}: {err}"))?;
            }
        }
        let mut args = args.peekable();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--version" | "-V" => return Ok(Command::Version),
                "--help" | "-h" => return Ok(Command::Help),
                _ => {}
            }
            let Some(long) = arg.strip_prefix("--") else {
                return Err(format!("unexpected argument `{arg}`"));
            };
            let (name, inline) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (long, None),
            };
            if name == "no-analytics" {
                // Takes an optional boolean, as the original does.
                if inline.is_none() && args.peek().is_some_and(|v| v == "true" || v == "false") {
                    args.next();
                }
                continue;
            }
            if !NAMES.contains(&name) {
                return Err(format!("unknown flag `--{name}`"));
            }
            let value = inline.or_else(|| args.next()).ok_or_else(|| format!("`--{name}` needs a value"))?;
            flags.set(name, &value).map_err(|err| format!("`--{name}`: {err}"))?;
        }
        flags.check()?;
        Ok(Command::Serve(Box::new(flags)))
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "http-addr" => self.http_addr = value.to_owned(),
            "db-path" => self.db_path = value.into(),
            "master-key" => self.master_key = Some(value.to_owned()),
            "env" => {
                self.production = match value {
                    "production" => true,
                    "development" => false,
                    _ => return Err("expected `development` or `production`".into()),
                }
            }
            "dump-dir" => self.dump_dir = value.into(),
            "snapshot-dir" => self.snapshot_dir = value.into(),
            "http-payload-size-limit" => self.payload_limit = size(value)?,
            "max-indexing-memory" => {
                self.indexing_memory = Some(usize::try_from(size(value)?).map_err(|err| err.to_string())?)
            }
            "max-indexing-threads" => {
                self.indexing_threads = value.parse().map_err(|_| "expected a number of threads".to_owned())?
            }
            // Failures are all this server writes, whatever the level.
            "log-level" => {}
            _ => return Err("unknown".into()),
        }
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        if self.indexing_threads == 0 {
            return Err("`--max-indexing-threads` must be at least 1".into());
        }
        match &self.master_key {
            None if self.production => Err("`--env production` needs a master key of at least 16 bytes".into()),
            Some(key) if self.production && key.len() < 16 => {
                Err(format!("the master key must be at least 16 bytes in production, this one has {}", key.len()))
            }
            _ => Ok(()),
        }
    }
}

const NAMES: [&str; 10] = [
    "http-addr", "db-path", "master-key", "env", "dump-dir", "snapshot-dir", "http-payload-size-limit",
    "max-indexing-memory", "max-indexing-threads", "log-level",
];

/// A size in bytes: a bare number, or a number with a unit of thousands (`kB`) or of 1024 (`KiB`).
fn size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().map_err(|_| format!("`{text}` is not a size"))?;
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err(format!("`{text}` has an unknown unit")),
    };
    Ok((number * factor as f64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Command, String> {
        Flags::parse(args.iter().map(|a| a.to_string()), |_| None)
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("100"), Ok(100));
        assert_eq!(size("100 MB"), Ok(100_000_000));
        assert_eq!(size("1.5KiB"), Ok(1536));
        assert!(size("x").is_err());
        assert!(size("1 parsec").is_err());
    }

    #[test]
    fn unknown_flags_are_refused() {
        assert!(parse(&["--nope"]).is_err());
        assert!(parse(&["--http-addr"]).is_err());
        assert!(parse(&["--env", "production"]).is_err());
        assert!(matches!(parse(&["--no-analytics", "--http-addr=127.0.0.1:1"]), Ok(Command::Serve(_))));
    }
}
