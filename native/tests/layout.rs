//! The mirrors have the layout that `layout.json` says, and that file is generated from the TypeScript.

use std::collections::BTreeMap;

use sluice_native::layout::{Layout, CONSTANTS, LAYOUTS};

const LAYOUT_JSON: &str = include_str!("../layout.json");

#[test]
fn every_struct_has_its_mirror_and_every_mirror_its_struct() {
    let layout = parse(LAYOUT_JSON);
    let json_names: Vec<&str> = layout.get("structs").keys();
    let mut rust_names: Vec<&str> = LAYOUTS.iter().map(|mirror| mirror.name).collect();
    rust_names.sort_unstable();
    assert_eq!(json_names, rust_names);
}

#[test]
fn sizes_and_offsets_are_the_same() {
    let layout = parse(LAYOUT_JSON);
    for mirror in LAYOUTS {
        let described = layout.get("structs").get(mirror.name);
        assert_eq!(described.get("bytes").number(), mirror.bytes, "size of {}", mirror.name);
        let fields: BTreeMap<String, usize> = described.get("fields").numbers();
        // Without fields, the TypeScript tells the size only.
        if !fields.is_empty() {
            assert_eq!(fields, named_fields(mirror), "fields of {}", mirror.name);
        }
    }
}

#[test]
fn constants_are_the_same() {
    let constants: BTreeMap<String, usize> = CONSTANTS.iter().map(|(name, value)| (name.to_string(), *value)).collect();
    assert_eq!(parse(LAYOUT_JSON).get("constants").numbers(), constants);
}

#[test]
#[should_panic(expected = "no JSON")]
fn a_damaged_file_is_noticed() {
    parse(&LAYOUT_JSON[..LAYOUT_JSON.len() / 2]);
}

/// Fields in the spelling of the TypeScript, without unused space.
fn named_fields(mirror: &Layout) -> BTreeMap<String, usize> {
    let used = mirror.fields.iter().filter(|(name, _)| !name.starts_with('_'));
    used.map(|(name, offset)| (camel_case(name), *offset)).collect()
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_string();
    words.fold(first, |text, word| text + &word[..1].to_uppercase() + &word[1..])
}

/// As much of JSON as the file has: objects and whole numbers.
#[derive(Debug)]
enum Json {
    Number(usize),
    Object(BTreeMap<String, Json>),
}

impl Json {
    fn get(&self, key: &str) -> &Json {
        self.object().get(key).unwrap_or_else(|| panic!("layout.json has no {key}"))
    }

    fn keys(&self) -> Vec<&str> {
        self.object().keys().map(String::as_str).collect()
    }

    fn number(&self) -> usize {
        match self {
            Json::Number(number) => *number,
            Json::Object(_) => panic!("expected a number, found an object"),
        }
    }

    fn numbers(&self) -> BTreeMap<String, usize> {
        self.object().iter().map(|(name, value)| (name.clone(), value.number())).collect()
    }

    fn object(&self) -> &BTreeMap<String, Json> {
        match self {
            Json::Object(members) => members,
            Json::Number(number) => panic!("expected an object, found {number}"),
        }
    }
}

fn parse(text: &str) -> Json {
    let mut rest = text;
    let value = parse_value(&mut rest);
    assert_eq!(rest.trim(), "", "no JSON: something follows the end");
    value
}

fn parse_value(rest: &mut &str) -> Json {
    if !take(rest, "{") {
        return Json::Number(parse_number(rest));
    }
    let mut members = BTreeMap::new();
    if take(rest, "}") {
        return Json::Object(members);
    }
    loop {
        let name = parse_name(rest);
        assert!(take(rest, ":"), "no JSON: a colon is missing after {name}");
        assert!(members.insert(name.clone(), parse_value(rest)).is_none(), "no JSON: {name} is there twice");
        if take(rest, "}") {
            return Json::Object(members);
        }
        assert!(take(rest, ","), "no JSON: a comma is missing after {name}");
    }
}

fn parse_name(rest: &mut &str) -> String {
    assert!(take(rest, "\""), "no JSON: a name is missing");
    let (name, after) = rest.split_once('"').expect("no JSON: a name has no end");
    *rest = after;
    name.to_string()
}

fn parse_number(rest: &mut &str) -> usize {
    let text = rest.trim_start();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, after) = text.split_at(end);
    *rest = after;
    digits.parse().expect("no JSON: a whole number is missing")
}

fn take(rest: &mut &str, token: &str) -> bool {
    match rest.trim_start().strip_prefix(token) {
        Some(after) => {
            *rest = after;
            true
        }
        None => false,
    }
}
