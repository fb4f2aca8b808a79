//! Picking members out of documents by dotted names, as permissive as Meilisearch is: `a.b` finds the member `b`
//! inside `a`, inside every object of the list `a`, and the member literally called `a.b`.

use serde_json::{Map, Value};

pub type Document = Map<String, Value>;

/// Whether `name` is `parent` or lies inside it.
pub fn inside(name: &str, parent: &str) -> bool {
    name.strip_prefix(parent).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The parts of `document` that the names select.
pub fn select(document: Document, names: &[&str]) -> Document {
    let mut picked = Document::new();
    for (key, value) in document {
        if names.contains(&key.as_str()) {
            picked.insert(key, value);
            continue;
        }
        let deeper: Vec<&str> = names
            .iter()
            .filter_map(|name| name.strip_prefix(key.as_str()).and_then(|rest| rest.strip_prefix('.')))
            .collect();
        if deeper.is_empty() {
            continue;
        }
        let part = match value {
            Value::Object(object) => Value::Object(select(object, &deeper)),
            Value::Array(list) => Value::Array(select_in_list(list, &deeper)),
            _ => continue,
        };
        // A part without any of the names stays, empty.
        picked.insert(key, part);
    }
    picked
}

fn select_in_list(list: Vec<Value>, names: &[&str]) -> Vec<Value> {
    let mut picked = Vec::new();
    for value in list {
        match value {
            Value::Object(object) => {
                let part = select(object, names);
                if !part.is_empty() {
                    picked.push(Value::Object(part));
                }
            }
            Value::Array(list) => picked.push(Value::Array(select_in_list(list, names))),
            _ => {}
        }
    }
    picked
}

/// Visits every leaf value inside the named parts, with its dotted name and its places in the lists above it.
pub fn each_leaf(document: &mut Document, names: &[&str], visit: &mut dyn FnMut(&str, &[usize], &mut Value)) {
    in_object(document, names, "", &mut Vec::new(), visit);
}

fn in_object(
    object: &mut Document,
    names: &[&str],
    base: &str,
    places: &mut Vec<usize>,
    visit: &mut dyn FnMut(&str, &[usize], &mut Value),
) {
    for (key, value) in object.iter_mut() {
        let name = if base.is_empty() { key.clone() } else { format!("{base}.{key}") };
        if names.iter().any(|wanted| inside(wanted, &name) || inside(&name, wanted)) {
            in_value(value, names, &name, places, visit);
        }
    }
}

fn in_value(
    value: &mut Value,
    names: &[&str],
    name: &str,
    places: &mut Vec<usize>,
    visit: &mut dyn FnMut(&str, &[usize], &mut Value),
) {
    match value {
        Value::Object(object) => in_object(object, names, name, places, visit),
        Value::Array(list) => {
            for (place, value) in list.iter_mut().enumerate() {
                places.push(place);
                in_value(value, names, name, places, visit);
                places.pop();
            }
        }
        leaf => visit(name, places, leaf),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn map(value: Value) -> Document {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn dotted_names_reach_into_lists() {
        let document = map(json!({"a": [{"b": 1, "c": 2}, {"c": 3}, 4], "a.b": 5, "d": {"e": 6}, "f": 7}));
        assert_eq!(
            Value::Object(select(document.clone(), &["a.b", "d"])),
            json!({"a": [{"b": 1}], "a.b": 5, "d": {"e": 6}})
        );
        assert_eq!(Value::Object(select(document, &["f.g"])), json!({}));
    }

    #[test]
    fn leaves_know_their_places() {
        let mut document = map(json!({"a": [{"b": ["x", "y"]}], "c": 1}));
        let mut seen = Vec::new();
        each_leaf(&mut document, &["a"], &mut |name, places, value| {
            seen.push((name.to_owned(), places.to_vec(), value.clone()))
        });
        assert_eq!(seen, [("a.b".to_owned(), vec![0, 0], json!("x")), ("a.b".to_owned(), vec![0, 1], json!("y"))]);
    }
}
