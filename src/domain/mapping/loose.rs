//! Reads texts that are almost JSON, such as `{status:{from:4,to:6}}`. Freshdesk writes changes in
//! that form.

use serde_json::{Map, Value};

/// The deepest nesting that is read. No help desk nests deeper.
const DEPTH_MAX: usize = 8;

/// The object in the text with its values as texts.
pub fn read(text: &str) -> Option<Value> {
    let mut rest = text.trim();
    let value = object(&mut rest, 0)?;
    rest.trim().is_empty().then_some(value)
}

fn object(rest: &mut &str, depth: usize) -> Option<Value> {
    if depth > DEPTH_MAX {
        return None;
    }
    eat(rest, '{')?;
    let mut members = Map::new();
    if eat(rest, '}').is_some() {
        return Some(Value::Object(members));
    }
    loop {
        let key = word(rest, &[':', '=']);
        eat(rest, ':').or_else(|| eat(rest, '=').and_then(|()| eat(rest, '>').or(Some(()))))?;
        let value = match rest.trim_start().starts_with('{') {
            true => object(rest, depth + 1)?,
            false => Value::String(word(rest, &[',', '}'])),
        };
        members.insert(key, value);
        if eat(rest, ',').is_none() {
            eat(rest, '}')?;
            return Some(Value::Object(members));
        }
    }
}

fn eat(rest: &mut &str, letter: char) -> Option<()> {
    *rest = rest.trim_start().strip_prefix(letter)?;
    Some(())
}

fn word(rest: &mut &str, ends: &[char]) -> String {
    let end = rest.find(ends).unwrap_or(rest.len());
    let (word, left) = rest.split_at(end);
    *rest = left;
    word.trim().trim_matches(['"', '\'']).to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_changed_is_read() {
        let change = json!({"status": {"from": "4", "to": "6"}});
        assert_eq!(read("{status:{from:4,to:6}}"), Some(change.clone()));
        assert_eq!(read(r#" {"status" : {"from": 4, "to": "6"}} "#), Some(change.clone()));
        assert_eq!(read(r#"{"status"=>{"from"=>4, "to"=>6}}"#), Some(change));
        assert_eq!(read("{reply_sent:1}"), Some(json!({"reply_sent": "1"})));
        assert_eq!(read("{}"), Some(json!({})));
        for wrong in ["", "open", "{", "{a}", "{a:{b:1}", "{a:1}}", &"{a:".repeat(1000)] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[{}:,=>a\"' ]*") {
            let _ = read(&text);
        }
    }
}
