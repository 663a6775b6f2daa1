//! A table that hands out its values one by one, and says at last what it had too much.

use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use super::owners;
use super::problem::Problems;
use super::text::{Place, Text, quoted};
use super::value::not_a;

/// How large a file may be for more than its first syntax error to be told, in bytes.
const MAX_RECOVERABLE: usize = 1 << 20;

/// A value, and where it is written.
#[derive(Clone)]
pub(super) struct Setting<'a, T> {
    pub(super) value: T,
    pub(super) place: Place<'a>,
}

/// What a file has in one table.
pub(super) struct Table<'a> {
    pub(super) place: Place<'a>,
    entries: DeTable<'a>,
    /// The keys that were asked for.
    known: Vec<&'static str>,
}

impl<'a> Table<'a> {
    /// The table that is the whole file; `None` if the file is no TOML.
    pub(super) fn parse(text: &'a Text, problems: &mut Problems) -> Option<Table<'a>> {
        let place = |offset| Place { text, offset, key: String::new() };
        let first = match DeTable::parse(&text.content) {
            Ok(root) => return Some(Table::new(place(0), root.into_inner())),
            Err(first) => first,
        };
        // Each byte of a large file can be an error.
        let errors = match text.content.len() <= MAX_RECOVERABLE {
            true => DeTable::parse_recoverable(&text.content).1,
            false => vec![first],
        };
        let begin = |error: &Error| error.span().map_or(0, |span| span.start);
        let mut errors: Vec<_> = errors.iter().map(|error| (begin(error), error)).collect();
        errors.sort_by_key(|(offset, _)| *offset);
        // What comes after the first error in a line mostly comes of it.
        errors.dedup_by_key(|(offset, _)| text.position(*offset).0);
        for (offset, error) in errors {
            problems.add(&place(offset), error.message());
        }
        None
    }

    fn new(place: Place<'a>, entries: DeTable<'a>) -> Table<'a> {
        Table { place, entries, known: Vec::new() }
    }

    /// The keys that `read` asks a table for.
    pub(super) fn keys_of(read: impl FnOnce(&mut Table<'_>, &mut Problems)) -> Vec<&'static str> {
        let text = Text::new(PathBuf::new(), String::new());
        let place = Place { text: &text, offset: 0, key: String::new() };
        let mut table = Table::new(place, DeTable::new());
        read(&mut table, &mut Problems::default());
        table.known
    }

    /// The value of `key`, if it is there and `read` can read it.
    pub(super) fn take<T>(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
        read: impl Fn(&DeValue<'_>) -> Result<T, String>,
    ) -> Option<Setting<'a, T>> {
        let (place, value) = self.remove(key)?;
        problems.keep(place, read(&value))
    }

    /// Sets `field` to the value of `key`, if it is there and `read` can read it.
    pub(super) fn set<T>(
        &mut self,
        key: &'static str,
        field: &mut T,
        problems: &mut Problems,
        read: impl Fn(&DeValue<'_>) -> Result<T, String>,
    ) {
        if let Some(setting) = self.take(key, problems, read) {
            *field = setting.value;
        }
    }

    /// The value of a `key` that must be there.
    pub(super) fn require<T>(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
        read: impl Fn(&DeValue<'_>) -> Result<T, String>,
    ) -> Option<Setting<'a, T>> {
        if !self.has(key) {
            problems.add(&self.place, format!("`{key}` is missing"));
        }
        self.take(key, problems, read)
    }

    /// Those values in the list of `key` that `read` can read; `None` if there is no
    /// such key.
    pub(super) fn take_list<T>(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
        read: impl Fn(&DeValue<'_>) -> Result<T, String>,
    ) -> Option<Setting<'a, Vec<Setting<'a, T>>>> {
        let (place, value) = self.remove(key)?;
        let mut items = Vec::new();
        match value {
            DeValue::Array(array) => {
                for (index, item) in array.into_iter().enumerate() {
                    let place = at(&place, &item.span(), format!("{}[{index}]", place.key));
                    items.extend(problems.keep(place, read(item.get_ref())));
                }
            }
            other => problems.add(&place, not_a("a list", &other)),
        }
        Some(Setting { value: items, place })
    }

    /// The table of `key`.
    pub(super) fn take_table(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Option<Table<'a>> {
        let (place, value) = self.remove(key)?;
        match value {
            DeValue::Table(entries) => Some(Table::new(place, entries)),
            other => {
                problems.add(&place, not_a("a table", &other));
                None
            }
        }
    }

    /// The tables of `key`, each of which begins with `header`.
    pub(super) fn take_tables(
        &mut self,
        key: &'static str,
        header: &str,
        problems: &mut Problems,
    ) -> Vec<Table<'a>> {
        let Some((place, value)) = self.remove(key) else { return Vec::new() };
        let mut tables = Vec::new();
        match value {
            DeValue::Array(array) => {
                for (index, item) in array.into_iter().enumerate() {
                    let place = at(&place, &item.span(), format!("{}[{index}]", place.key));
                    match item.into_inner() {
                        DeValue::Table(entries) => tables.push(Table::new(place, entries)),
                        other => problems.add(&place, not_a("a table", &other)),
                    }
                }
            }
            other => {
                let wanted = format!("a list of tables, each under `{header}`");
                problems.add(&place, not_a(&wanted, &other));
            }
        }
        tables
    }

    /// All keys and their values, as `read` reads them, in the order of the file.
    pub(super) fn into_entries<T>(
        self,
        problems: &mut Problems,
        read: impl Fn(&str, &DeValue<'_>) -> Result<T, String>,
    ) -> Vec<T> {
        let mut entries: Vec<_> = self.entries.into_iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let mut values = Vec::new();
        for (key, value) in entries {
            let name = dotted(&self.place.key, &shown(key.get_ref()));
            let place = at(&self.place, &value.span(), name);
            let value = problems.keep(place, read(key.get_ref(), value.get_ref()));
            values.extend(value.map(|setting| setting.value));
        }
        values
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// How many items the list of `key` has, if it is one.
    pub(super) fn list_length(&self, key: &str) -> Option<usize> {
        self.entries.get(key)?.get_ref().as_array().map(|array| array.len())
    }

    /// The place of the value of `key`, if it is there.
    pub(super) fn place_of(&self, key: &str) -> Option<Place<'a>> {
        let value = self.entries.get(key)?;
        Some(at(&self.place, &value.span(), dotted(&self.place.key, key)))
    }

    /// The place of a `key` that does not belong here, if it is there.
    pub(super) fn refuse(&mut self, key: &str) -> Option<Place<'a>> {
        let place = self.place_of(key);
        self.entries.remove(key);
        place
    }

    /// Says which keys there can be, besides those that are asked for.
    pub(super) fn know(&mut self, keys: &[&'static str]) {
        self.known.extend(keys);
    }

    /// Reports the keys that nobody asked for.
    pub(super) fn finish(self, problems: &mut Problems) {
        for key in self.entries.keys() {
            let name = dotted(&self.place.key, &shown(key.get_ref()));
            let place = at(&self.place, &key.span(), name);
            let key: &str = key.get_ref();
            let message = match (owners::of(key), nearest(key, &self.known)) {
                (Some(owner), _) => format!("belongs in {owner}"),
                (None, Some(known)) => format!("unknown key; did you mean `{known}`?"),
                (None, None) => format!("unknown key; there are `{}`", self.known.join("`, `")),
            };
            problems.add(&place, message);
        }
    }

    fn remove(&mut self, key: &'static str) -> Option<(Place<'a>, DeValue<'a>)> {
        self.known.push(key);
        let place = self.place_of(key)?;
        let value: Spanned<DeValue<'a>> = self.entries.remove(key)?;
        Some((place, value.into_inner()))
    }
}

/// The place of `key` in the file of `place`.
fn at<'a>(place: &Place<'a>, span: &std::ops::Range<usize>, key: String) -> Place<'a> {
    Place { text: place.text, offset: span.start, key }
}

fn dotted(table: &str, key: &str) -> String {
    if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") }
}

/// A key as it would be written.
fn shown(key: &str) -> String {
    let bare = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    if !key.is_empty() && key.len() <= 80 && key.chars().all(bare) {
        key.to_owned()
    } else {
        quoted(key)
    }
}

/// The one of `known` that is most like `key`, if any is much like it.
fn nearest(key: &str, known: &[&'static str]) -> Option<&'static str> {
    if key.len() > 80 {
        return None;
    }
    let likeness = |known: &&'static str| (strsim::jaro_winkler(key, known), *known);
    let likely = known.iter().map(likeness).filter(|(likeness, _)| *likeness > 0.8);
    likely.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, known)| known)
}
