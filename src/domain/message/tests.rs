use super::*;

fn templates(message: &str, messages: &[(&str, &str)]) -> Templates {
    Templates::compile(message, &texts(messages)).unwrap()
}

fn texts(messages: &[(&str, &str)]) -> BTreeMap<String, String> {
    messages.iter().map(|(language, text)| (language.to_string(), text.to_string())).collect()
}

fn fault(message: &str) -> MessageError {
    let mut faults = Templates::compile(message, &BTreeMap::new()).unwrap_err();
    assert_eq!(faults.len(), 1);
    faults.remove(0).error
}

fn person(first_name: Value) -> BTreeMap<&'static str, Value> {
    BTreeMap::from([("first_name", first_name)])
}

#[test]
fn a_text_is_taken_by_the_whole_language_then_by_its_beginning_else_the_default() {
    let texts = templates("en", &[("es", "es"), ("pt-BR", "br"), ("zh-hant", "hant")]);
    let found = |language| texts.render(language, &BTreeMap::new()).unwrap();
    assert_eq!(found(None), "en");
    assert_eq!(found(Some("")), "en");
    assert_eq!(found(Some("fr")), "en");
    assert_eq!(found(Some("es-MX")), "es");
    assert_eq!(found(Some("ES_mx")), "es");
    assert_eq!(found(Some("PT-br")), "br");
    assert_eq!(found(Some("pt")), "en");
    assert_eq!(found(Some("zh-Hant-TW")), "hant");
    assert_eq!(found(Some("-es")), "en");
}

#[test]
fn what_a_notice_did_not_bring_renders_to_nothing() {
    let texts = templates("Hi {{ first_name | default('you') }}{{ attributes.order }}!", &[]);
    assert_eq!(texts.render(None, &BTreeMap::new()).unwrap(), "Hi you!");
    assert_eq!(texts.render(None, &person(Value::Null)).unwrap(), "Hi you!");
    let attributes = BTreeMap::from([("attributes", json!({"order": null}))]);
    assert_eq!(texts.render(None, &attributes).unwrap(), "Hi you!");
}

#[test]
fn what_a_person_is_called_is_neither_escaped_nor_run() {
    let texts = templates("Hi {{ first_name }}", &[]);
    let odd = "<b>O'Neil & {{ 7 * 7 }} \u{1F469}\u{200D}\u{1F680}";
    assert_eq!(texts.render(None, &person(json!(odd))).unwrap(), format!("Hi {odd}"));
}

#[test]
fn a_text_that_is_empty_or_too_long_for_one_person_is_not_sent() {
    let texts = templates("{{ first_name | default('you') }}", &[]);
    assert_eq!(texts.render(None, &person(json!(" "))), Err(MessageError::Empty { bare: false }));
    let long = "é".repeat(MESSAGE_CHARACTERS_MAX);
    assert_eq!(texts.render(None, &person(json!(long))).unwrap(), long);
    assert_eq!(
        texts.render(None, &person(json!(long + "é"))),
        Err(MessageError::TooLong { characters: 10_001 })
    );
}

#[test]
fn a_template_that_cannot_work_is_refused_before_anyone_is_prompted() {
    assert_eq!(
        fault("Hello\n{{ first_name").to_string(),
        "line 2: unexpected end of input, expected end of variable block"
    );
    assert_eq!(
        fault("{{ first_name | shout }}").to_string(),
        "line 1: cannot be rendered: filter shout is unknown"
    );
    assert_eq!(fault(" {# nothing #}\n").to_string(), "renders to nothing");
    assert_eq!(
        fault("{{ first_name }}").to_string(),
        "renders to nothing where a notice brings neither first_name, language, agent nor team"
    );
    assert_eq!(
        fault(&"a".repeat(10_001)).to_string(),
        "renders to 10001 characters, and X takes 10000"
    );
}

#[test]
fn every_template_at_fault_is_named_by_its_language() {
    let messages = texts(&[("es", "{{"), ("fr", "bien"), ("pt-BR", "")]);
    let faults = Templates::compile("{%", &messages).unwrap_err();
    let named: Vec<_> = faults.into_iter().map(|fault| fault.language).collect();
    assert_eq!(named, [None, Some("es".to_owned()), Some("pt-BR".to_owned())]);
}
