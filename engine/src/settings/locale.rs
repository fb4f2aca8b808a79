//! The languages a client may name, by their two or three letters.

use milli_core::tokenizer::Language;

use crate::decode::At;
use crate::error::{Code, Result};

/// Two letters and the three letters of the same language.
#[rustfmt::skip]
const PAIRS: [(&str, &str); 69] = [
    ("af", "afr"), ("ak", "aka"), ("am", "amh"), ("ar", "ara"), ("az", "aze"), ("be", "bel"), ("bn", "ben"),
    ("bg", "bul"), ("ca", "cat"), ("cs", "ces"), ("da", "dan"), ("de", "deu"), ("el", "ell"), ("en", "eng"),
    ("eo", "epo"), ("et", "est"), ("fi", "fin"), ("fr", "fra"), ("gu", "guj"), ("he", "heb"), ("hi", "hin"),
    ("hr", "hrv"), ("hu", "hun"), ("hy", "hye"), ("id", "ind"), ("it", "ita"), ("jv", "jav"), ("ja", "jpn"),
    ("kn", "kan"), ("ka", "kat"), ("km", "khm"), ("ko", "kor"), ("la", "lat"), ("lv", "lav"), ("lt", "lit"),
    ("ml", "mal"), ("mr", "mar"), ("mk", "mkd"), ("my", "mya"), ("ne", "nep"), ("nl", "nld"), ("nb", "nob"),
    ("or", "ori"), ("pa", "pan"), ("fa", "pes"), ("pl", "pol"), ("pt", "por"), ("ro", "ron"), ("ru", "rus"),
    ("si", "sin"), ("sk", "slk"), ("sl", "slv"), ("sn", "sna"), ("es", "spa"), ("sr", "srp"), ("sv", "swe"),
    ("ta", "tam"), ("te", "tel"), ("tl", "tgl"), ("th", "tha"), ("tk", "tuk"), ("tr", "tur"), ("uk", "ukr"),
    ("ur", "urd"), ("uz", "uzb"), ("vi", "vie"), ("yi", "yid"), ("zh", "zho"), ("zu", "zul"),
];

/// Every accepted word, in the order the API lists them.
pub fn words() -> Vec<&'static str> {
    let short = PAIRS.iter().map(|(short, _)| *short);
    short.chain(PAIRS.iter().map(|(_, long)| *long)).chain(["cmn"]).collect()
}

/// The same in the order of the alphabet, two letters before three.
pub fn words_sorted() -> Vec<&'static str> {
    let mut words = words();
    words.sort_unstable_by_key(|word| (word.len(), *word));
    words
}

/// The language of a word that `words` lists.
pub fn language(word: &str) -> Option<Language> {
    let long = PAIRS.iter().find(|(short, long)| word == *short || word == *long).map_or(word, |(_, long)| long);
    Language::from_code(long)
}

/// A language named in a request.
pub fn read(at: &At<'_>, code: Code) -> Result<String> {
    let words = words();
    at.word(code, &words).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_a_language() {
        for word in words() {
            assert!(language(word).is_some(), "{word}");
        }
    }
}
