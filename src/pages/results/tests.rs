use std::time::Duration;

use crate::domain::days::Days;
use crate::domain::summary::GroupBy;
use crate::domain::view::{Against, AskedPeriod, Filter, Order, View};
use crate::pages::operations::Operations;
use crate::pages::samples::*;
use crate::pages::tests::{part, rendered, text};

fn exact(change: impl FnOnce(&mut View)) -> String {
    rendered(&Sample::exact(change))
}

/// The names of the rows in their order, each with a `-` before it if it is held.
fn names(page: &str) -> Vec<String> {
    let table = part(page, "<table class=\"groups", "</table>");
    let rows = part(table, "<tbody>", "</tbody>").split("<tr").skip(1);
    let name = |row: &str| {
        let held = if row.contains("class=\"held\"") { "-" } else { "" };
        format!("{held}{}", text(part(row, "<th scope=\"row\">", "</th>")))
    };
    rows.map(name).collect()
}

#[test]
fn the_third_line_says_which_group_got_worse_and_then_how_the_total_changed() {
    let page = exact(|_| {});
    let head = part(&page, "<div class=\"head\">", "<figure");
    assert_eq!(
        text(head),
        "CSAT, 2 to 29 November 2026 share of 4 and 5 78.3 % 95 % interval 75.5 to 80.8 912 \
         answers Billing got worse: 81.4 → 65.1 %, more than chance. No other of 6 teams changed \
         by more than chance. 75.5 to 80.8, before 82.3 % 50 % ● now ○ 28 days before 100 % All \
         teams : 4.0 points lower than in the 28 days before (82.3 %, 941 answers). More than \
         chance: the difference lies between −7.6 and −0.3. Without Billing the score is 82.3 %, \
         before 82.5 %: no clear change."
    );
    assert_eq!(
        part(head, "<p class=\"verdict\">", "</p>"),
        "<bdi>All teams</bdi>: <strong class=\"down\">4.0 points lower</strong> than in the 28 \
         days before (82.3\u{a0}%, 941 answers). More than chance: the difference lies between \
         −7.6 and −0.3."
    );
    assert!(head.contains("<b><a href=\"/?team=Billing\"><bdi>Billing</bdi></a></b>"), "{head}");
}

/// Results in which teams had so many content answers of 100 before and have so many now.
fn with_teams(teams: &[(&str, u64, u64)]) -> String {
    let view = View::usual(&zone(), now());
    let sample = Sample::of(&of_teams(teams, &view), view, Story::CSAT);
    rendered(&sample)
}

#[test]
fn the_third_line_tells_falls_before_rises_and_the_greatest_first() {
    let movers =
        |teams: &[(&str, u64, u64)]| text(part(&with_teams(teams), "<p class=\"movers\">", "</p>"));
    assert_eq!(
        movers(&[("A", 90, 60), ("B", 90, 50), ("C", 50, 90), ("D", 80, 80), ("E", 80, 81)]),
        "B got worse: 90.0 → 50.0 %, more than chance. So did A (90.0 → 60.0 %). Better: C \
         (50.0 → 90.0 %). No other of 5 teams changed by more than chance."
    );
    assert_eq!(
        movers(&[("A", 80, 80), ("C", 50, 90)]),
        "C got better: 50.0 → 90.0 %, more than chance. The other team did not change by more \
         than chance."
    );
    let page = with_teams(&[("A", 80, 80), ("B", 80, 81)]);
    assert!(!page.contains("class=\"movers\""), "{page}");
    let bullets = text(part(&page, "<ul class=\"changes\">", "</ul>"));
    assert_eq!(bullets, "No team changed by more than chance; 2 were compared.");
}

#[test]
fn where_most_fell_no_single_one_is_taken_out() {
    let page = with_teams(&[("A", 90, 60), ("B", 90, 50), ("C", 90, 55), ("D", 80, 81)]);
    assert_eq!(
        text(part(&page, "<ul class=\"changes\">", "</ul>")),
        "Most of the teams fell : 3 of 4 scored lower than before."
    );
}

#[test]
fn a_single_group_has_no_sentence_of_its_own() {
    let page = with_teams(&[("A", 90, 50)]);
    assert!(!page.contains("class=\"movers\"") && !page.contains("class=\"changes\""), "{page}");
    assert!(text(&page).contains("40.0 points lower"), "{}", text(&page));
}

#[test]
fn the_row_of_the_only_group_does_not_repeat_the_total() {
    let page = with_teams(&[("A", 90, 50)]);
    assert_eq!(names(&page), ["All teams"]);
    let section = part(&page, "<h2>Where it differs</h2>", "</section>");
    let lead = text(part(section, "<p class=\"lead\">", "</p>"));
    assert_eq!(
        lead,
        "There is one team only: A. Each line is a 95 % interval; the dot is now, the ring the \
         period before."
    );
    // A group that holds a part of the results is no repetition, and neither is one that had
    // company before.
    let view = View::usual(&zone(), now());
    let mut facts = of_teams(&[("A", 90, 50), ("B", 80, 80)], &view);
    facts.retain(|fact| fact.team.as_deref() == Some("A") || fact.closed_at < view.period.from);
    let page = rendered(&Sample::of(&facts, view.clone(), Story::CSAT));
    assert_eq!(names(&page), ["All teams", "A"]);
    let mut facts = of_teams(&[("A", 90, 50)], &view);
    facts.iter_mut().for_each(|fact| fact.team = None);
    let page = rendered(&Sample::of(&facts, view, Story::CSAT));
    assert_eq!(names(&page), ["All teams"]);
    assert!(text(&page).contains("Where it differs No survey here has a team. "), "{page}");
}

#[test]
fn what_is_going_on_stands_on_top_only_if_somebody_must_act_or_numbers_are_missing() {
    let mut sample = Sample::exact(|_| {});
    let is_on_top = |sample: &Sample| {
        let page = rendered(sample);
        let place = |mark: &str| page.find(mark).unwrap_or_else(|| panic!("no {mark} in {page}"));
        place("<aside") < place("<h1>")
    };
    assert!(!is_on_top(&sample));
    for change in [
        |of: &mut Operations| of.held = 1,
        |of: &mut Operations| of.paused = 1,
        |of: &mut Operations| of.uncertain = 1,
        |of: &mut Operations| of.counting = 1,
        |of: &mut Operations| of.sending = 0,
    ] {
        sample.operations = operations();
        change(&mut sample.operations);
        assert!(is_on_top(&sample), "{:?}", sample.operations);
    }
}

#[test]
fn a_narrowed_view_says_of_whom_it_tells() {
    let mut sample = Sample::exact(|_| {});
    sample.obeyed.set(Filter::Team, "Billing");
    let page = rendered(&sample);
    assert_eq!(
        part(&page, "<h1>", "</h1>"),
        "CSAT, <bdi>Billing</bdi>, 2 to 29\u{a0}November 2026",
        "a limit of the login is told like a filter"
    );
    assert_eq!(names(&page)[0], "Billing");
    let page = exact(|view| {
        view.filters.set(Filter::Team, "Billing");
        view.filters.set(Filter::Language, "en");
    });
    assert_eq!(names(&page)[0], "All agents of Billing and English");
}

#[test]
fn answers_of_today_are_one_link_away() {
    let mut sample = Sample::exact(|_| {});
    sample.answers_today = 12;
    let page = rendered(&sample);
    let under = part(&page, "<p class=\"under\">", "</p>");
    assert_eq!(text(under), "share of 4 and 5. 12 answers today: show today");
    assert!(under.contains("href=\"/?from=2026-11-30&amp;to=2026-11-30\""), "{under}");
    let mut none = Sample::of(&[], View::usual(&zone(), now()), Story::CSAT);
    none.answers_today = 1;
    assert!(said(&rendered(&none)).ends_with("1 answer today: show today"));
}

#[test]
fn every_close_is_accounted_for() {
    let page = exact(|_| {});
    assert_eq!(
        text(part(&page, "<h2>From close to answer</h2>", "</section>")),
        "What was closed and what was prompted in these 28 days. The share of the prompts is of \
         the closes, the others are of the prompts. Closed 1 421 − 92 prompted not long ago − 61 \
         cannot be messaged − 38 closed by a bot or by itself − 27 held out, to compare with − 19 \
         opted out − 10 closed long after the last word − 8 waiting now − 3 uncertain: X has not \
         said Prompted 1 163 81.8 % Scored 912 78.4 % Commented 371 31.9 %"
    );
}

#[test]
fn each_row_says_its_change_and_small_ones_show_no_score() {
    let page = exact(|_| {});
    let rows = part(&page, "<table class=\"groups compared\">", "</table>");
    assert_eq!(
        text(rows),
        "Team Answers Score Interval, from 50 % to 100 % Against the 28 days before Answered \
         Median time All teams 912 78.3 % 75.5 to 80.8, before 82.3 % −4.0, more than chance \
         (−7.6 to −0.3) 78.4 % 4 min Billing 212 65.1 % 58.5 to 71.2, before 81.4 % −16.4, more \
         than chance (−24.4 to −8.0) 100.0 % 4 min Deliveries 268 82.5 % 77.5 to 86.5, before \
         82.9 % −0.4, may be chance (−6.8 to +5.9) 100.0 % 4 min Accounts 174 84.5 % 78.4 to \
         89.1, before 82.7 % +1.7, may be chance (−6.1 to +9.7) 100.0 % 4 min Returns 131 77.9 \
         % 70.0 to 84.1, before 82.9 % −5.1, may be chance (−14.7 to +4.6) 34.3 % 4 min \
         Technical 96 82.3 % 73.5 to 88.6, before 80.8 % +1.5, may be chance (−9.4 to +12.2) \
         100.0 % 4 min Partners 24 87.5 % 69.0 to 95.7, before 78.9 % +8.6, may be chance \
         (−13.8 to +32.3) 100.0 % 4 min Press 4 fewer than 5 answers: no score 100.0 % Legal 3 \
         fewer than 5 answers: no score 100.0 %"
    );
    let coloured: Vec<&str> =
        rows.split("<tr").filter(|row| row.contains("class=\"down\"")).collect();
    assert_eq!(coloured.len(), 2, "all teams and Billing alone are coloured");
    assert_eq!(page.matches("down-mark").count(), 1, "Billing's row");
}

#[test]
fn one_group_is_held_back_where_a_small_one_could_be_worked_out() {
    let page = rendered(&Sample::new(Story::CSAT, |_| {}));
    let rows = text(part(&page, "<table class=\"groups", "</table>"));
    assert!(
        rows.ends_with(
            "(no team) 7 held back, or a smaller group could be worked out 70.0 % Press 1 fewer \
             than 5 answers: no score 100.0 %"
        ),
        "{rows}"
    );
}

#[test]
fn the_rows_are_in_the_order_of_the_view() {
    for (order, wanted) in [
        (Order::Usual, "Billing Deliveries Accounts Returns Technical Partners"),
        (Order::Name, "Accounts Billing Deliveries Partners Returns Technical"),
        (Order::Answers, "Deliveries Billing Accounts Returns Technical Partners"),
        (Order::Score, "Billing Returns Technical Deliveries Accounts Partners"),
        (Order::Change, "Billing Returns Deliveries Technical Accounts Partners"),
        (Order::Answered, "Returns Accounts Billing Deliveries Partners Technical"),
        (Order::Time, "Accounts Billing Deliveries Partners Returns Technical"),
    ] {
        let page = exact(|view| view.order = order);
        let names = names(&page);
        assert_eq!(names[0], "All teams");
        assert_eq!(names[1..7].join(" "), wanted, "{order:?}");
        assert!(names[7..].iter().all(|name| name.starts_with('-')), "{order:?}: {names:?}");
        let sorted = if order == Order::Usual { 0 } else { 1 };
        assert_eq!(page.matches("aria-sort").count(), sorted, "{order:?}");
    }
}

#[test]
fn weeks_are_in_the_order_of_time() {
    let page = rendered(&Sample::new(Story::CSAT, |view| view.by = GroupBy::Week));
    assert_eq!(
        names(&page),
        ["All weeks", "23 Nov to 29 Nov", "16 Nov to 22 Nov", "9 Nov to 15 Nov", "2 Nov to 8 Nov"]
    );
}

#[test]
fn until_when_answers_may_come_is_said_once_and_each_open_rate_has_a_mark() {
    let story = Story { fresh_for: Duration::from_secs(3 * 86_400), ..Story::CSAT };
    let page = rendered(&Sample::new(story, |_| {}));
    let head = text(part(&page, "<div class=\"head\">", "<figure"));
    assert!(
        head.starts_with(
            "CSAT, 2 to 29 November 2026 share of 4 and 5. Answers may still come in until 2 \
             December. "
        ),
        "{head}"
    );
    assert_eq!(head.matches("still").count() + head.matches("so far").count(), 1, "{head}");
    let rows = part(&page, "<table class=\"groups", "</table>");
    assert!(text(rows).contains("77.9 % + so far"), "{}", text(rows));
    for row in rows.split("<tr").skip(2) {
        assert!(text(row).matches("so far").count() <= 1, "{row}");
        assert!(!row.contains("class=\"mid open\""), "a ring is the period before: {row}");
    }
    assert!(page.contains("<p class=\"foot\">+ Answers may still come in."), "{page}");
    assert!(!exact(|_| {}).contains("so far"), "nothing comes in any more");
}

#[test]
fn the_lines_have_the_ends_of_what_they_show() {
    let ends = |teams: &[(&str, u64, u64)]| {
        let page = with_teams(teams);
        let of_head = text(part(&page, "<p class=\"ends\"", "</p>"));
        let row = part(&page, "<td data-low=\"", ">").replace("\" data-high=\"", " to ");
        (of_head, row.trim_end_matches('"').replace('\u{a0}', " "))
    };
    let (head, rows) = ends(&[("A", 80, 80), ("B", 90, 90)]);
    assert!(head.ends_with("50 % ● now ○ 28 days before 100 %"), "{head}");
    assert_eq!(rows, "50 % to 100 %");
    let (head, rows) = ends(&[("A", 80, 20), ("B", 90, 90)]);
    assert!(head.contains("40 % ●"), "{head}");
    assert_eq!(rows, "10 % to 100 %", "the head has ends of its own");
}

#[test]
fn what_is_chance_only_among_many_says_among_how_many() {
    let mut teams = vec![("A", 90, 79)];
    let names: Vec<String> = (0..22).map(|place| format!("T{place}")).collect();
    teams.extend(names.iter().map(|name| (name.as_str(), 80, 80)));
    let page = with_teams(&teams);
    let rows = text(part(&page, "<table class=\"groups", "</table>"));
    assert!(
        rows.contains("A 100 79.0 % 70.0 to 85.8, before 90.0 % −11.0, may be chance among 23 ("),
        "{rows}"
    );
    assert_eq!(rows.matches("among").count(), 1, "{rows}");
}

#[test]
fn weeks_are_compared_with_none_and_questions_are_named_by_their_words() {
    let page = rendered(&Sample::new(Story::CSAT, |view| view.by = GroupBy::Week));
    assert!(!page.contains("nothing before") && !page.contains("groups compared"), "{page}");
    let rows = part(&page, "<table class=\"groups", "</table>");
    assert!(!rows.contains("class=\"before\""), "{rows}");
    let page = rendered(&Sample::new(Story::CSAT, |view| view.by = GroupBy::Question));
    assert!(
        names(&page).contains(&"What is your overall satisfaction with …? question 0".to_owned()),
        "{:?}",
        names(&page)
    );
}

#[test]
fn without_a_comparison_nothing_is_said_of_one() {
    let page = exact(|view| view.against = Against::Nothing);
    for word in ["chance", "before 8", "ring", "○", "tick"] {
        let shown = text(part(&page, "<div class=\"hero\">", "<section id=\"said\">"));
        assert!(!shown.contains(word), "{word}: {shown}");
    }
    assert!(!page.contains("<p class=\"verdict\">"), "{page}");
}

#[test]
fn a_day_is_compared_with_the_words_for_days() {
    let page = exact(|view| {
        let day = Days { from: view.days.to, to: view.days.to };
        *view = view.over(day, &zone());
    });
    let verdict = text(part(&page, "<p class=\"verdict\">", "</p>"));
    assert!(verdict.contains("lower than on the day before (82.3 %, 941 answers)"), "{verdict}");
    assert!(text(&page).contains("what was prompted on this day."), "{}", text(&page));
    let page = exact(|view| {
        view.against = Against::Year;
        *view = view.over(Days { from: view.days.to, to: view.days.to }, &zone());
    });
    let verdict = text(part(&page, "<p class=\"verdict\">", "</p>"));
    assert!(verdict.contains("lower than on the same weekday a year before"), "{verdict}");
}

#[test]
fn a_month_is_compared_with_a_month() {
    let page = exact(|view| {
        view.asked = AskedPeriod::LastMonth;
        view.days = view.asked.days(today());
        view.period = zone().period(view.days);
    });
    let head = text(part(&page, "<div class=\"head\">", "<figure"));
    assert!(head.starts_with("CSAT, 1 to 31 October 2026"), "{head}");
    assert!(head.contains("lower than in the month before (82.3 %, 941 answers)"), "{head}");
}

#[test]
fn nps_has_its_own_scale_groups_and_words() {
    let page = rendered(&Sample::new(Story::NPS, |_| {}));
    let head = text(part(&page, "<div class=\"head\">", "<figure"));
    assert!(head.starts_with("NPS, 2 to 29 November 2026 share of 9 and 10 less share of 0 to 6"));
    assert!(!part(&page, "<p class=\"score\">", "</p>").contains('%'));
    let chosen = part(&page, "<h2>What people chose</h2>", "<h2>");
    assert_eq!(chosen.matches("<rect").count(), 11);
    assert_eq!(["b5", "b3", "b1"].map(|it| chosen.matches(it).count()), [2, 2, 7]);
    assert!(text(chosen).starts_with("Promoters "), "{}", text(chosen));
}

/// What stands in the place of the results, or of the score.
fn said(page: &str) -> String {
    match page.contains("<section class=\"nothing\">") {
        true => text(part(page, "<section class=\"nothing\">", "</section>")),
        false => text(part(page, "<p class=\"sentence\">", "</p>")),
    }
}

#[test]
fn whatever_is_not_there_has_a_sentence_of_its_own() {
    let none = |change: fn(&mut View)| {
        Sample::of(&[], View::usual(&zone(), now()).with(change), Story::CSAT)
    };
    let title = "CSAT, 2 to 29 November 2026";
    assert_eq!(
        said(&rendered(&none(|_| {}))),
        format!("{title} Nothing was closed and nobody was prompted in this time.")
    );
    assert_eq!(
        said(&rendered(&none(|view| view.filters.set(Filter::Team, "Nobody")))),
        "CSAT, Nobody , 2 to 29 November 2026 With these filters, nothing was closed and nobody was \
         prompted in this time. Take all filters away"
    );
    let mut first = none(|_| {});
    first.operations.counting = 1_204;
    assert_eq!(
        said(&rendered(&first)),
        format!(
            "{title} Still being counted: 1 204 surveys are on their way into the numbers. They \
             show here as they come in."
        )
    );
    let mut tests = facts(Story { volume: 3, ..Story::CSAT }, 4);
    tests.truncate(3);
    tests.iter_mut().for_each(|fact| (fact.test, fact.sent_at) = (true, Some(fact.closed_at)));
    let tests = Sample::of(&tests, View::usual(&zone(), now()), Story::CSAT);
    assert_eq!(
        said(&rendered(&tests)),
        format!(
            "{title} There is nothing in this time but tests: 3 prompts were sent and 3 closes \
             were taken in as a test, which count in no number."
        )
    );
}

#[test]
fn a_period_without_a_score_says_why() {
    let small = Story { min_group: 2_000, ..Story::CSAT };
    let page = rendered(&Sample::new(small, |_| {}));
    assert_eq!(said(&page), "Fewer than 2000 answers: no score is shown. 1 174 prompts were sent.");
    let table = part(&page, "<h2>Where it differs</h2>", "</section>");
    assert!(!table.contains("<table"), "{table}");
    assert_eq!(said(table), "8 teams have answers, each fewer than 2000: none shows a score.");

    let mut silent = facts(Story { volume: 20, ..Story::CSAT }, 13);
    silent.iter_mut().for_each(|fact| (fact.score, fact.scored_at) = (None, None));
    let fresh = Story { fresh_for: Duration::from_secs(3 * 86_400), ..Story::CSAT };
    let page = rendered(&Sample::of(&silent, View::usual(&zone(), now()), fresh));
    let sentence = said(&page);
    assert!(sentence.starts_with("Nobody has answered yet. "), "{sentence}");
    let table = part(&page, "<h2>Where it differs</h2>", "</section>");
    assert_eq!(said(table), "Nobody has answered, so there is nothing to compare.");
}
