//! The table of routes: which methods a path has, what they need, who answers.

use hyper::Method;

use super::{documents, fetch, indexes, keys, multi, search, settings, system, tasks, Answer, Call};
use crate::app::App;
use crate::error::Result;

type Handler = fn(&App, &mut Call) -> Result<Answer>;

/// How a request body is received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intake {
    Memory,
    File,
}

/// One method of a path.
pub struct Endpoint {
    pub method: Method,
    /// What the bearer must hold; empty for routes open to all.
    pub action: &'static str,
    pub intake: Intake,
    /// Whether it takes one of the places for searches.
    pub is_search: bool,
    pub handler: Handler,
}

fn on(method: Method, action: &'static str, handler: Handler) -> Endpoint {
    Endpoint { method, action, intake: Intake::Memory, is_search: false, handler }
}

fn get(action: &'static str, handler: Handler) -> Endpoint {
    on(Method::GET, action, handler)
}

fn post(action: &'static str, handler: Handler) -> Endpoint {
    on(Method::POST, action, handler)
}

fn put(action: &'static str, handler: Handler) -> Endpoint {
    on(Method::PUT, action, handler)
}

fn patch(action: &'static str, handler: Handler) -> Endpoint {
    on(Method::PATCH, action, handler)
}

fn delete(action: &'static str, handler: Handler) -> Endpoint {
    on(Method::DELETE, action, handler)
}

impl Endpoint {
    fn searching(self) -> Self {
        Endpoint { is_search: true, ..self }
    }

    fn to_file(self) -> Self {
        Endpoint { intake: Intake::File, ..self }
    }
}

/// A path that exists.
pub struct Found {
    pub endpoints: Vec<Endpoint>,
    pub index: Option<String>,
    pub tail: String,
}

/// The route of a decoded path, or nothing.
pub fn find(segments: &[&str]) -> Option<Found> {
    let plain = |endpoints| Some(Found { endpoints, index: None, tail: String::new() });
    let tailed = |endpoints, tail: &str| Some(Found { endpoints, index: None, tail: tail.to_owned() });
    match segments {
        [] => plain(vec![get("", system::root)]),
        ["health"] => plain(vec![get("", system::health)]),
        ["version"] => plain(vec![get("version", system::version)]),
        ["stats"] => plain(vec![get("stats.get", system::stats)]),
        ["experimental-features"] => plain(vec![
            get("experimental.get", system::features),
            patch("experimental.update", system::change_features),
        ]),
        ["swap-indexes"] => plain(vec![post("indexes.swap", indexes::swap)]),
        ["multi-search"] => plain(vec![post("search", multi::search).searching()]),
        ["tasks"] => plain(vec![get("tasks.get", tasks::list), delete("tasks.delete", tasks::delete)]),
        ["tasks", "cancel"] => plain(vec![post("tasks.cancel", tasks::cancel)]),
        ["tasks", "compact"] | ["indexes", _, "documents", "edit"] => missing(segments),
        ["tasks", uid] => tailed(vec![get("tasks.get", tasks::get)], uid),
        ["batches"] => plain(vec![get("tasks.get", tasks::list_batches)]),
        ["batches", uid] => tailed(vec![get("tasks.get", tasks::get_batch)], uid),
        ["keys"] => plain(vec![get("keys.get", keys::list), post("keys.create", keys::create)]),
        ["keys", key] => tailed(
            vec![get("keys.get", keys::get), patch("keys.update", keys::update), delete("keys.delete", keys::delete)],
            key,
        ),
        ["indexes"] => plain(vec![get("indexes.get", indexes::list), post("indexes.create", indexes::create)]),
        ["indexes", index, rest @ ..] => match in_index(rest) {
            Some((endpoints, tail)) => {
                Some(Found { endpoints, index: Some((*index).to_owned()), tail: tail.to_owned() })
            }
            None => missing(segments),
        },
        _ => missing(segments),
    }
}

fn missing(segments: &[&str]) -> Option<Found> {
    absent(segments).map(|(endpoints, index)| Found { endpoints, index, tail: String::new() })
}

/// The routes of Meilisearch that this node does not have, so that asking for one is no wrong path.
fn absent(segments: &[&str]) -> Option<(Vec<Endpoint>, Option<String>)> {
    let plain = |endpoints| Some((endpoints, None));
    let any = |action| [get, post, put, patch, delete].map(|method| method(action, system::absent)).into();
    match segments {
        ["dumps"] => plain(vec![post("dumps.create", system::absent)]),
        ["snapshots"] => plain(vec![post("snapshots.create", system::absent)]),
        ["export"] => plain(vec![post("export", system::absent)]),
        ["metrics"] => plain(vec![get("metrics.get", system::absent)]),
        ["network"] | ["network", "control"] => plain(any("network.update")),
        ["webhooks"] | ["webhooks", _] => plain(any("webhooks.update")),
        ["logs", "stream" | "stderr"] => plain(any("metrics.get")),
        ["chats"] | ["chats", ..] => plain(any("chats.get")),
        ["dynamic-search-rules"] | ["dynamic-search-rules", _] => plain(any("dynamicSearchRules.get")),
        ["render-template"] => plain(vec![post("settings.get", system::absent)]),
        ["tasks", "compact"] => plain(vec![post("tasks.compact", system::absent)]),
        ["tasks", _, "documents"] => plain(vec![get("tasks.get", system::absent)]),
        ["indexes", index, "fields"] => Some((vec![post("fields.post", system::absent)], Some((*index).to_owned()))),
        ["indexes", index, "compact"] => {
            Some((vec![post("indexes.compact", system::absent)], Some((*index).to_owned())))
        }
        ["indexes", index, "documents", "edit"] => {
            Some((vec![post("documents.add", system::absent)], Some((*index).to_owned())))
        }
        _ => None,
    }
}

fn in_index<'a>(segments: &[&'a str]) -> Option<(Vec<Endpoint>, &'a str)> {
    let endpoints = match segments {
        [] => vec![
            get("indexes.get", indexes::get),
            patch("indexes.update", indexes::update),
            delete("indexes.delete", indexes::delete),
        ],
        ["stats"] => vec![get("stats.get", indexes::stats)],
        ["search"] => vec![get("search", search::by_params).searching(), post("search", search::by_body).searching()],
        ["facet-search"] => vec![post("search", search::facets).searching()],
        ["similar"] => vec![get("search", search::similar_by_params), post("search", search::similar_by_body)],
        ["documents"] => vec![
            get("documents.get", fetch::by_params).searching(),
            post("documents.add", documents::replace).to_file(),
            put("documents.add", documents::merge).to_file(),
            delete("documents.delete", documents::clear),
        ],
        ["documents", "fetch"] => vec![post("documents.get", fetch::by_body).searching()],
        ["documents", "delete-batch"] => vec![post("documents.delete", documents::delete_batch)],
        ["documents", "delete"] => vec![post("documents.delete", documents::delete_by_filter)],
        ["documents", id] => {
            return Some((
                vec![get("documents.get", fetch::one), delete("documents.delete", documents::delete_one)],
                id,
            ));
        }
        ["settings"] => vec![
            get("settings.get", settings::get_all),
            patch("settings.update", settings::change_all),
            delete("settings.update", settings::reset_all),
        ],
        ["settings", name] => {
            let setting = settings::by_route(name)?;
            let change = if setting.merges { patch } else { put };
            return Some((
                vec![
                    get("settings.get", settings::get_one),
                    change("settings.update", settings::change_one),
                    delete("settings.update", settings::reset_one),
                ],
                name,
            ));
        }
        _ => return None,
    };
    Some((endpoints, ""))
}
