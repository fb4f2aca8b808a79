//! Highlighting and cropping, and where words matched.

use std::collections::BTreeMap;

use milli_core::tokenizer::Language;
use milli_core::{
    is_faceted_by, AttributePatterns, FormatOptions, LocalizedAttributesRule, MatchBounds, MatcherBuilder, PatternMatch,
};
use serde_json::Value;

use crate::pick::{self, Document};

pub struct Formatter<'a, 'm> {
    pub matcher: &'a MatcherBuilder<'m>,
    pub options: Vec<(&'a str, FormatOptions)>,
    pub positions: bool,
    pub locales: Option<&'a [Language]>,
    pub localized: &'a [LocalizedAttributesRule],
}

impl Formatter<'_, '_> {
    /// Formats the leaves under the displayed names, and collects matches by dotted name.
    pub fn run(&self, mut document: Document, displayed: &[&str]) -> (Document, BTreeMap<String, Vec<MatchBounds>>) {
        let mut positions: BTreeMap<String, Vec<MatchBounds>> = BTreeMap::new();
        pick::each_leaf(&mut document, displayed, &mut |name, places, value| {
            // A field that lies in several formatted ones is formatted in all their ways.
            let options = self
                .options
                .iter()
                .filter(|(field, _)| is_faceted_by(field, name) || is_faceted_by(name, field))
                .map(|(_, options)| *options)
                .reduce(FormatOptions::merge);
            let matches = self.leaf(name, places, value, options);
            if !matches.is_empty() {
                positions.insert(name.to_owned(), matches);
            }
        });
        (document, positions)
    }

    fn leaf(
        &self,
        name: &str,
        places: &[usize],
        value: &mut Value,
        options: Option<FormatOptions>,
    ) -> Vec<MatchBounds> {
        let text = match value {
            Value::String(text) => std::mem::take(text),
            Value::Number(number) => number.to_string(),
            _ => return Vec::new(),
        };
        let mut matcher = self.matcher.build(&text, self.locales.or_else(|| self.locales_of(name)));
        let matches = if self.positions { matcher.matches(places) } else { Vec::new() };
        let formatted = options.map(|options| matcher.format(options).into_owned());
        match (formatted, &mut *value) {
            (Some(formatted), value) => *value = Value::String(formatted),
            (None, Value::String(taken)) => *taken = text,
            (None, _) => {}
        }
        matches
    }

    fn locales_of(&self, name: &str) -> Option<&[Language]> {
        let fitting = |rule: &&LocalizedAttributesRule| {
            let patterns: &AttributePatterns = &rule.attribute_patterns;
            patterns.match_str(name) == PatternMatch::Match
        };
        self.localized.iter().find(fitting).map(|rule| rule.locales.as_slice())
    }
}
