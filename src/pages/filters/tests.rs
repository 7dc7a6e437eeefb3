use super::*;

fn now() -> Millis {
    Millis::from_rfc3339("2026-11-30T13:00:00Z").unwrap()
}

fn view() -> (Zone, View) {
    let zone = Zone::utc();
    let view = View::usual(&zone, now());
    (zone, view)
}

fn choices() -> Choices {
    Choices {
        kinds: vec![SurveyType::Csat, SurveyType::Nps],
        accounts: vec!["acme".into()],
        teams: vec!["Billing".into(), "Returns".into()],
        agents: Vec::new(),
        languages: vec!["en".into(), "es".into()],
    }
}

#[test]
fn there_is_a_menu_only_where_there_is_a_choice() {
    let (zone, view) = view();
    let labels = |choices: &Choices| -> Vec<&str> {
        let bar = bar(links::RESULTS, &view, (&zone, now()), Some(SurveyType::Csat), choices);
        bar.menus.iter().map(|menu| menu.label).collect()
    };
    assert_eq!(labels(&choices()), ["Question", "Against", "Team", "Language"]);
    assert_eq!(labels(&Choices::default()), ["Against"]);
    let agents = Choices { agents: vec!["Noor".into(), "Per".into()], ..Choices::default() };
    assert_eq!(labels(&agents), ["Against", "Agent"]);
}

#[test]
fn each_filter_in_use_can_be_taken_away() {
    let (zone, mut view) = view();
    view.filters.set(Filter::Team, "Billing");
    view.filters.set(Filter::Language, "pt-BR");
    view.filters.set(Filter::Agent, "");
    let bar = bar(links::RESULTS, &view, (&zone, now()), Some(SurveyType::Csat), &choices());
    let chips: Vec<_> =
        bar.chips.iter().map(|chip| (&*chip.filter, &*chip.value, &*chip.href)).collect();
    assert_eq!(
        chips,
        [
            ("Team", "Billing", "/?agent=&language=pt-BR"),
            ("Agent", "without agent", "/?team=Billing&language=pt-BR"),
            ("Language", "Portuguese (BR)", "/?team=Billing&agent="),
        ]
    );
    let team = bar.menus.iter().find(|menu| menu.label == "Team").unwrap();
    assert_eq!(team.options[0].href, "/?agent=&language=pt-BR");
    assert_eq!((&*team.chosen, team.is_in_use), ("Billing", true));
}

#[test]
fn the_form_for_days_keeps_all_else() {
    let (zone, mut view) = view();
    view.filters.set(Filter::Team, "Billing");
    view.asked = AskedPeriod::LastMonth;
    let bar = bar(links::COMMENTS, &view, (&zone, now()), None, &choices());
    assert_eq!(bar.days.kept, [("team", "Billing".to_owned())], "and no second period");
    assert_eq!(bar.days.action, "/comments");
}

#[test]
fn a_file_says_what_the_page_chose_by_itself() {
    let (zone, view) = view();
    let bar = bar(links::RESULTS, &view, (&zone, now()), Some(SurveyType::Csat), &choices());
    let hrefs: Vec<_> = bar.files.iter().map(|file| &*file.href).collect();
    assert_eq!(hrefs[0], "/v1/export?format=xlsx&question=csat&by=team");
    assert_eq!(hrefs[4], "/v1/report?question=csat&by=team");
}

#[test]
fn a_file_has_the_days_of_the_page_if_the_page_shows_other_days() {
    let (zone, mut view) = view();
    view.days.to = view.days.to.plus(1);
    let shown = bar(links::SURVEYS, &view, (&zone, now()), None, &choices());
    assert!(
        shown.files[1].href.starts_with("/v1/export?format=csv&from=2026-11-02&to=2026-11-30"),
        "{}",
        shown.files[1].href
    );
    let today = &shown.periods[0];
    assert_eq!((&*today.label, today.is_here), ("Today", false));
    assert_eq!(today.href, "/surveys?from=2026-11-30&to=2026-11-30");
}

#[test]
fn the_list_of_surveys_is_narrowed_by_what_became_of_them() {
    let (zone, mut view) = view();
    view.state = Some("suppressed");
    let shown = bar(links::SURVEYS, &view, (&zone, now()), None, &Choices::default());
    let [menu] = shown.menus.as_slice() else { panic!("{:?}", shown.menus) };
    assert_eq!((&*menu.chosen, menu.is_in_use), ("Not asked", true));
    assert_eq!(menu.options[1].href, "/surveys?state=scheduled");
    assert!(shown.files[0].href.contains("state=suppressed"), "a file has the rows of the page");
    assert!(shown.periods[1].href.contains("state=suppressed"));
}

#[test]
fn days_that_have_not_come_are_said_to_be_left_out() {
    let (zone, mut view) = view();
    let end_of_year = Day::parse("2026-12-31").unwrap();
    view.asked = AskedPeriod::Days(Days { from: view.days.from, to: end_of_year });
    let note = |view: &View| bar(links::RESULTS, view, (&zone, now()), None, &choices()).note;
    assert_eq!(note(&view), Some("Days after today are left out."));
    view.days.to = end_of_year;
    assert_eq!(note(&view), None);
}

#[test]
fn a_menu_of_thousands_says_how_many_it_leaves_out() {
    let (zone, view) = view();
    let accounts = (0..1_061).map(|number| format!("account {number}")).collect();
    let choices = Choices { accounts, ..Choices::default() };
    let bar = bar(links::RESULTS, &view, (&zone, now()), None, &choices);
    assert_eq!(bar.menus[1].options.len(), 61);
    assert_eq!(bar.menus[1].left_out.as_deref(), Some("and 1\u{202f}001 more"));
}
