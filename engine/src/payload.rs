//! Document payloads: JSON, NDJSON and CSV in, one JSON object per line out, checked on the way.

use std::fmt;
use std::fs::File;
use std::io::{BufWriter, Write};

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::error::{code, ApiError, Result};
use crate::store::payloads;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Ndjson,
    Csv { delimiter: u8 },
}

impl Format {
    pub fn name(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::Ndjson => "ndjson",
            Format::Csv { .. } => "csv",
        }
    }
}

/// Rewrites `input` into `output` and counts the documents.
pub fn convert(input: &File, output: &mut File, format: Format) -> Result<u64> {
    let mut out = BufWriter::new(output);
    let count = match format {
        Format::Csv { delimiter } => csv(input, &mut out, delimiter)?,
        Format::Json => match payloads::map(input)? {
            Some(bytes) => json(&bytes, &mut out)?,
            None => 0,
        },
        Format::Ndjson => match payloads::map(input)? {
            Some(bytes) => ndjson(&bytes, &mut out)?,
            None => 0,
        },
    };
    out.flush()?;
    Ok(count)
}

fn malformed(format: &str, err: &serde_json::Error) -> ApiError {
    if err.classify() == Category::Data {
        return ApiError::internal(err);
    }
    malformed_json(format, err.to_string())
}

fn malformed_json(format: &str, mut reason: String) -> ApiError {
    // Long reasons quote documents: only their two ends are shown.
    if reason.len() > 138 {
        let start = floor_boundary(&reason, 50);
        let end = floor_boundary(&reason, reason.len() - 85);
        reason.replace_range(start..end, "...");
    }
    ApiError::new(
        code::malformed_payload,
        format!("The `{format}` payload provided is malformed. `Couldn't serialize document value: {reason}`."),
    )
}

fn floor_boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// An object whose members are of no interest.
struct AnyObject;

impl<'de> Deserialize<'de> for AnyObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = AnyObject;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<AnyObject, A::Error> {
                while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(AnyObject)
            }
        }
        deserializer.deserialize_any(Members)
    }
}

/// Writes a document on a line of its own. The only line breaks in it are between its tokens.
fn write_document(raw: &str, out: &mut impl Write) -> serde_json::Result<()> {
    serde_json::from_str::<AnyObject>(raw)?;
    for piece in raw.split(['\n', '\r']) {
        out.write_all(piece.as_bytes()).map_err(serde_json::Error::io)?;
    }
    out.write_all(b"\n").map_err(serde_json::Error::io)
}

fn json(bytes: &[u8], out: &mut impl Write) -> Result<u64> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    match deserializer.deserialize_seq(EachDocument { out: &mut *out, count: 0 }) {
        Ok(Ok(count)) => Ok(count),
        Ok(Err(err)) => Err(malformed("json", &err)),
        Err(err) if err.classify() != Category::Data => Err(malformed_json("json", err.to_string())),
        // Not a list: one document, then.
        Err(_) => {
            let document: Map<String, Value> = serde_json::from_slice(bytes).map_err(|err| {
                let reason = match err.classify() {
                    Category::Data => "data are neither an object nor a list of objects".to_owned(),
                    _ => err.to_string(),
                };
                malformed_json("json", reason)
            })?;
            serde_json::to_writer(&mut *out, &document)?;
            out.write_all(b"\n")?;
            Ok(1)
        }
    }
}

struct EachDocument<W> {
    out: W,
    count: u64,
}

impl<'de, W: Write> Visitor<'de> for EachDocument<W> {
    type Value = serde_json::Result<u64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of documents")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut documents: A) -> Result<Self::Value, A::Error> {
        while let Some(document) = documents.next_element::<&RawValue>()? {
            if let Err(err) = write_document(document.get(), &mut self.out) {
                return Ok(Err(err));
            }
            self.count += 1;
        }
        Ok(Ok(self.count))
    }
}

fn ndjson(bytes: &[u8], out: &mut impl Write) -> Result<u64> {
    let mut count = 0;
    for document in serde_json::Deserializer::from_slice(bytes).into_iter::<&RawValue>() {
        let document = document.map_err(|err| malformed("ndjson", &err))?;
        write_document(document.get(), out).map_err(|err| malformed("ndjson", &err))?;
        count += 1;
    }
    Ok(count)
}

#[derive(Clone, Copy)]
enum Column {
    Text,
    Number,
    Boolean,
}

/// A header names its column and may say what is in it: `price:number`.
fn column(header: &str) -> (&str, Column) {
    match header.rsplit_once(':') {
        Some((name, "string")) => (name, Column::Text),
        Some((name, "number")) => (name, Column::Number),
        Some((name, "boolean")) => (name, Column::Boolean),
        _ => (header, Column::Text),
    }
}

fn malformed_csv(reason: impl fmt::Display) -> ApiError {
    ApiError::new(code::malformed_payload, format!("The `csv` payload provided is malformed: `{reason}`."))
}

fn csv_error(err: csv::Error) -> ApiError {
    match err.is_io_error() {
        true => ApiError::internal(err),
        false => malformed_csv(err),
    }
}

fn csv(input: &File, out: &mut impl Write, delimiter: u8) -> Result<u64> {
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(input);
    let headers = reader.headers().map_err(csv_error)?.clone();
    let columns: Vec<(&str, Column)> = headers.iter().map(column).collect();
    let mut record = csv::StringRecord::new();
    let mut count = 0;
    while reader.read_record(&mut record).map_err(csv_error)? {
        count += 1;
        let mut document = Map::new();
        for ((name, kind), cell) in columns.iter().zip(&record) {
            document.insert((*name).to_owned(), cell_value(*kind, cell, count)?);
        }
        serde_json::to_writer(&mut *out, &document)?;
        out.write_all(b"\n")?;
    }
    Ok(count)
}

fn cell_value(kind: Column, cell: &str, line: u64) -> Result<Value> {
    let trimmed = cell.trim();
    match kind {
        Column::Text if cell.is_empty() => Ok(Value::Null),
        Column::Text => Ok(Value::from(cell)),
        _ if trimmed.is_empty() => Ok(Value::Null),
        Column::Number => match (trimmed.parse::<i64>(), trimmed.parse::<f64>()) {
            (Ok(integer), _) => Ok(Value::from(integer)),
            (_, Ok(float)) => Ok(Value::from(float)),
            (_, Err(err)) => Err(malformed_csv(format_args!("Error parsing number {cell:?} at line {line}: {err}"))),
        },
        Column::Boolean => trimmed
            .parse::<bool>()
            .map(Value::from)
            .map_err(|err| malformed_csv(format_args!("Error parsing boolean {cell:?} at line {line}: {err}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek};

    fn converted(text: &str, format: Format) -> Result<(u64, String)> {
        let mut input = tempfile::tempfile().unwrap();
        input.write_all(text.as_bytes()).unwrap();
        input.rewind().unwrap();
        let mut output = tempfile::tempfile().unwrap();
        let count = convert(&input, &mut output, format)?;
        let mut lines = String::new();
        output.rewind().unwrap();
        output.read_to_string(&mut lines).unwrap();
        Ok((count, lines))
    }

    #[test]
    fn json_lists_and_objects_become_lines() {
        let (count, lines) = converted("[{\"id\": 1,\n \"n\": 12345678901234567890}, {}]", Format::Json).unwrap();
        assert_eq!((count, lines.as_str()), (2, "{\"id\": 1, \"n\": 12345678901234567890}\n{}\n"));
        assert_eq!(converted("{\"id\":1}", Format::Json).unwrap(), (1, "{\"id\":1}\n".into()));
        assert_eq!(converted("[]", Format::Json).unwrap(), (0, String::new()));
    }

    #[test]
    fn malformed_payloads_are_named() {
        let err = converted("[{\"id\":1}", Format::Json).unwrap_err();
        assert_eq!(
            err.message,
            "The `json` payload provided is malformed. `Couldn't serialize document value: EOF while parsing a list at line 1 column 9`."
        );
        assert_eq!(converted("[1]", Format::Json).unwrap_err().code.name, "internal");
        assert_eq!(converted("\"x\"", Format::Json).unwrap_err().code.name, "malformed_payload");
    }

    #[test]
    fn csv_headers_carry_types() {
        let csv = Format::Csv { delimiter: b',' };
        let (count, lines) = converted("id,n:number,b:boolean,t\n1,2.5,true,\n", csv).unwrap();
        assert_eq!((count, lines.as_str()), (1, "{\"id\":\"1\",\"n\":2.5,\"b\":true,\"t\":null}\n"));
        assert!(converted("id,n:number\n1,x\n", csv).unwrap_err().message.contains("at line 1: invalid float literal"));
    }
}
