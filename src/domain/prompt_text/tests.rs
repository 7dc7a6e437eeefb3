use super::*;

fn templates(message: &str, messages: &[(&str, &str)]) -> Templates {
    Templates::compile(message, &texts(messages)).unwrap()
}

fn texts(messages: &[(&str, &str)]) -> BTreeMap<String, String> {
    messages.iter().map(|(language, text)| (language.to_string(), text.to_string())).collect()
}

fn fault(message: &str) -> PromptTextError {
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
    assert_eq!(texts.render(None, &person(json!(""))), Err(PromptTextError::Empty { bare: false }));
    let long = "é".repeat(MESSAGE_CHARACTERS_MAX - 64);
    let texts = templates(&format!("{long}{{{{ first_name }}}}"), &[]);
    let name = "é".repeat(64);
    assert_eq!(texts.render(None, &person(json!(name))).unwrap(), long.clone() + &name);
    let texts = templates(&format!("{long}é{{{{ first_name }}}}"), &[]);
    assert_eq!(
        texts.render(None, &person(json!(name))),
        Err(PromptTextError::TooLong { characters: 10_001 })
    );
}

/// Whatever is on record: what was written down before names were tidied is tidied when it is
/// shown.
#[test]
fn what_a_notice_brought_brings_no_address_no_line_and_nothing_unseen_into_a_message() {
    let all = "{{ first_name }}|{{ agent }}|{{ team }}|{{ tags | join(',') }}|{{ language }}|\
               {{ attributes.note }}|{{ conversation_id }}";
    let texts = templates(all, &[]);
    let evil = "Ana\u{1b}\u{202E}\n Lee\u{200B} https://evil.example/x";
    let variables = BTreeMap::from([
        ("first_name", json!(evil)),
        ("agent", json!(evil)),
        ("team", json!(evil)),
        ("tags", json!([evil, "www.evil.example"])),
        ("language", json!(evil)),
        ("attributes", json!({"note": evil})),
        ("conversation_id", json!(evil)),
    ]);
    let shown = texts.render(None, &variables).unwrap();
    assert_eq!(shown, "Ana Lee|Ana Lee|Ana Lee|Ana Lee,|Ana Lee|Ana Lee|Ana Lee");
    let long = json!("é".repeat(9_900));
    let variables =
        BTreeMap::from([("first_name", long.clone()), ("attributes", json!({"note": long}))]);
    assert_eq!(texts.render(None, &variables).unwrap().matches('é').count(), 64 + 200);
    let greeting = templates("Hi {{ first_name | default('you') }}", &[]);
    assert_eq!(greeting.render(None, &person(json!("@evil"))).unwrap(), "Hi you");
}

#[test]
fn no_template_takes_long_or_fills_the_memory() {
    let of_sets =
        format!("{{% set x = 'aaaaaaaaaa' %}}{}{{{{ x }}}}", "{% set x = x ~ x %}".repeat(10));
    let refused = fault(&of_sets).to_string();
    assert!(refused.starts_with("line 1: `set`, `with` and `for` put more than 8"), "{refused}");
    let kept_aside = format!(
        "{{% set x = 'a' %}}{}{{{{ x }}}}",
        "{% set x %}{{ x }}{{ x }}{{ x }}{{ x }}{{ x }}{{ x }}{{ x }}{{ x }}{% endset %}"
            .repeat(100)
    );
    let many = format!("'{}' | list", "a".repeat(200));
    let looping =
        format!("{{% for a in {many} %}}{{% for b in {many} %}}{{% endfor %}}{{% endfor %}}a");
    let writing = format!("{{% for a in {many} %}}{}{{% endfor %}}", "a".repeat(9_000));
    let replaced = "{{ 'a'".to_owned() + &" | replace('a', 'aaaaaaaaaa')".repeat(30) + " }}";
    let joined = "{{ 'aaaaaaaaaa'".to_owned() + &" | list | join('aaaaaaaaaa')".repeat(30) + " }}";
    for (template, error) in [
        (kept_aside.as_str(), PromptTextError::Endless),
        (&looping, PromptTextError::TooSlow),
        (&writing, PromptTextError::Endless),
        (&replaced, PromptTextError::Endless),
        (&joined, PromptTextError::Endless),
    ] {
        assert_eq!(fault(template), error, "{template:.60}");
    }
    assert!(matches!(fault("{{ 'a' * 100000000 }}"), PromptTextError::Growth { line: 1, .. }));
    assert!(fault("{{ 'a' | indent(100000000) }}").to_string().contains("indent is unknown"));
    // What texts are usually written with.
    let texts = templates("Hi {{ tags | join(', ') }} {{ first_name | replace('-', ' ') }}", &[]);
    let variables = BTreeMap::from([("first_name", json!("Ana-Lee")), ("tags", json!(["a", "b"]))]);
    assert_eq!(texts.render(None, &variables).unwrap(), "Hi a, b Ana Lee");
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
